/**
 * Mounts as users ask for them (`-v`, `--mount`, `--tmpfs`, an image's VOLUME), in one form. Nothing is looked at on disk.
 * @see https://github.com/moby/moby/blob/v28.5.2/volume/mounts/linux_parser.go
 */
import { posix } from "node:path";
import type { ContainerConfig, HostConfig, Mount, MountPoint } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";

export interface WantedMount {
  readonly type: "bind" | "volume" | "tmpfs" | "image";
  /** Path on the host, name of a volume or an image; "" for an anonymous volume and for tmpfs. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** As `inspect` shows it. */
  readonly mode: string;
  /** Bind mounts only. */
  readonly propagation: string;
  /** `-v` makes a missing directory, `--mount` refuses. */
  readonly createSource: boolean;
  readonly nonRecursive: boolean;
  /** A new volume is not filled with what the image has there. */
  readonly noCopy: boolean;
  readonly subpath: string;
  readonly driver: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Mount options of a tmpfs. */
  readonly tmpfs: readonly string[];
}

/** A mount whose source exists. */
export interface SpecMount {
  readonly type: "bind" | "tmpfs";
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
const CONSISTENCIES = ["consistent", "cached", "delegated", "default"];

const PLAIN: Omit<WantedMount, "type" | "source" | "target"> = {
  readOnly: false,
  mode: "",
  propagation: "",
  createSource: false,
  nonRecursive: false,
  noCopy: false,
  subpath: "",
  driver: "",
  driverOptions: {},
  labels: {},
  tmpfs: [],
};

/**
 * All mounts of a container, in Docker's order of precedence; of several for one target the first wins over what the image
 * declares, and two that a user asks for are refused.
 * @param from mounts of other containers (`--volumes-from`)
 * @throws {EngineError} invalid, or internal where Docker answers 500
 */
export function wantedMounts(config: ContainerConfig, hostConfig: HostConfig, from: readonly WantedMount[] = []): WantedMount[] {
  const asked = [
    ...(hostConfig.Binds ?? []).map((text) => parseBind(text, hostConfig.VolumeDriver ?? "")),
    ...(hostConfig.Mounts ?? []).map(parseMount),
    ...Object.entries(hostConfig.Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options)),
  ];
  const byTarget = new Map<string, WantedMount>();
  for (const mount of asked) {
    if (byTarget.has(mount.target)) throw new EngineError("invalid", `Duplicate mount point: ${mount.target}`);
    byTarget.set(mount.target, mount);
  }
  for (const mount of from) if (!byTarget.has(mount.target)) byTarget.set(mount.target, mount);
  for (const text of Object.keys(config.Volumes ?? {})) {
    const volume = parseBind(text, hostConfig.VolumeDriver ?? "");
    if (!byTarget.has(volume.target)) byTarget.set(volume.target, volume);
  }
  return [...byTarget.values()];
}

/** `source:target:mode`, `name:target`, `target`. */
function parseBind(text: string, driver: string): WantedMount {
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) throw invalidVolume(text);
  const [first = "", second, mode = ""] = parts;
  if (second === undefined) {
    return { ...PLAIN, type: "volume", source: "", target: checkTarget(first, "volume", text), driver };
  }
  const type = first.startsWith("/") ? "bind" : "volume";
  const flags = parseMode(mode);
  const target = checkTarget(second, type, text);
  const foreign = type === "bind" ? flags.noCopy && "VolumeOptions" : flags.propagation && "BindOptions";
  if (foreign) throw invalidVolume(text, `invalid mount config for type "${type}": field ${foreign} must not be specified`);
  if (type === "bind") {
    const propagation = flags.propagation || "rprivate";
    return { ...PLAIN, ...flags, type, source: posix.normalize(first), target, mode, propagation, createSource: true };
  }
  return { ...PLAIN, ...flags, type, source: first, target, mode: mode || "z", propagation: "", driver };
}

/** Of each kind a mode may have one word. */
function parseMode(mode: string): { readOnly: boolean; noCopy: boolean; propagation: string } {
  const words = mode === "" ? [] : mode.split(",");
  const kinds = [["rw", "ro"], ["z", "Z"], PROPAGATIONS, ["nocopy"], CONSISTENCIES];
  const counts = kinds.map((kind) => words.filter((word) => kind.includes(word)).length);
  const known = counts.reduce((sum, count) => sum + count, 0);
  if (known !== words.length || Math.max(...counts) > 1) throw new EngineError("internal", `invalid mode: ${mode}`);
  return {
    readOnly: words.includes("ro"),
    noCopy: words.includes("nocopy"),
    propagation: words.find((word) => PROPAGATIONS.includes(word)) ?? "",
  };
}

function invalidVolume(text: string, why = ""): EngineError {
  return new EngineError("internal", `invalid volume specification: '${text}'${why && `: ${why}`}`);
}

function checkTarget(target: string, type: string, text: string): string {
  const problem = targetProblem(target);
  if (problem) throw invalidVolume(text, `invalid mount config for type "${type}": ${problem}`);
  return posix.normalize(target).replace(/(.)\/$/, "$1");
}

function targetProblem(target: string): string | undefined {
  if (!target.startsWith("/")) return `invalid mount path: '${target}' mount path must be absolute`;
  if (posix.normalize(target) === "/") return `invalid specification: destination can't be '/'`;
  return undefined;
}

/** Docker passes over the options of tmpfs. */
const FOREIGN_OPTIONS: Readonly<Record<string, readonly ("BindOptions" | "VolumeOptions")[]>> = {
  bind: ["VolumeOptions"],
  volume: ["BindOptions"],
  tmpfs: ["BindOptions"],
  image: ["BindOptions", "VolumeOptions"],
};

function parseMount(mount: Mount): WantedMount {
  const refuse = (why: string): never => {
    throw new EngineError("invalid", `invalid mount config for type "${mount.Type ?? ""}": ${why}`);
  };
  const target = mount.Target ?? "";
  if (target === "") refuse("field Target must not be empty");
  const problem = targetProblem(target);
  if (problem) refuse(problem);
  for (const field of FOREIGN_OPTIONS[mount.Type ?? ""] ?? []) if (mount[field]) refuse(`field ${field} must not be specified`);
  const base = {
    ...PLAIN,
    target: posix.normalize(target).replace(/(.)\/$/, "$1"),
    readOnly: mount.ReadOnly ?? false,
    source: mount.Source ?? "",
  };
  switch (mount.Type) {
    case "bind": {
      if (base.source === "") refuse("field Source must not be empty");
      if (!base.source.startsWith("/")) refuse(`invalid mount path: '${base.source}' mount path must be absolute`);
      const { Propagation, CreateMountpoint, NonRecursive } = mount.BindOptions ?? {};
      if (Propagation && !PROPAGATIONS.includes(Propagation)) refuse(`invalid propagation mode: ${Propagation}`);
      const propagation = Propagation || "rprivate";
      return { ...base, type: "bind", propagation, createSource: CreateMountpoint ?? false, nonRecursive: NonRecursive ?? false };
    }
    case "volume": {
      const { NoCopy, Labels, DriverConfig, Subpath } = mount.VolumeOptions ?? {};
      if (base.readOnly && base.source === "") refuse("must not set ReadOnly mode when using anonymous volumes");
      if (Subpath && base.source === "") refuse("must not set Subpath when using anonymous volumes");
      if (Subpath && posix.normalize(Subpath).match(/^(\/|\.\.(\/|$))/)) refuse("subpath must be a relative path within the volume");
      return {
        ...base,
        type: "volume",
        mode: base.source === "" ? "" : "z",
        noCopy: NoCopy ?? false,
        labels: Labels ?? {},
        driver: DriverConfig?.Name ?? "",
        driverOptions: DriverConfig?.Options ?? {},
        subpath: Subpath ?? "",
      };
    }
    case "tmpfs": {
      if (base.source !== "") refuse("field Source must not be specified");
      return { ...base, type: "tmpfs", tmpfs: mountTmpfsOptions(mount) };
    }
    case "image":
      if (base.source === "") refuse("field Source must not be empty");
      return { ...base, type: "image", readOnly: true, subpath: mount.ImageOptions?.Subpath ?? "" };
    default:
      return refuse("mount type unknown");
  }
}

function mountTmpfsOptions({ TmpfsOptions, ReadOnly }: Mount): string[] {
  const options = (TmpfsOptions?.Options ?? []).map((pair) => pair.join("="));
  if (TmpfsOptions?.SizeBytes) options.push(`size=${TmpfsOptions.SizeBytes}`);
  if (TmpfsOptions?.Mode) options.push(`mode=${TmpfsOptions.Mode.toString(8)}`);
  if (ReadOnly) options.push("ro");
  return options;
}

const TMPFS_FLAGS = new Set(
  "async atime defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable bind".split(
    " ",
  ),
);
const TMPFS_VALUES = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);

/** @throws {EngineError} invalid @see https://github.com/moby/moby/blob/v28.5.2/pkg/mount MergeTmpfsOptions */
function checkTmpfs(words: readonly string[]): void {
  for (const word of words) {
    const [name = "", value] = word.split("=", 2);
    if (!TMPFS_FLAGS.has(word) && (value === undefined || !TMPFS_VALUES.has(name)))
      throw new EngineError("invalid", `invalid tmpfs option ["${word}"]`);
  }
}

function parseTmpfs(target: string, options: string): WantedMount {
  const problem = targetProblem(target);
  if (problem) throw new EngineError("invalid", problem);
  const words = options.split(",").filter((word) => word !== "");
  checkTmpfs(words);
  return { ...PLAIN, type: "tmpfs", source: "", target: posix.normalize(target), readOnly: words.includes("ro"), tmpfs: words };
}

/** `--volumes-from name[:mode]`. */
export function parseVolumesFrom(text: string): { name: string; mode: "rw" | "ro" } {
  const [name = "", mode = ""] = text.split(":");
  if (text === "") throw new EngineError("invalid", "volumes-from specification cannot be an empty string");
  if (name === "") throw new EngineError("invalid", `malformed volumes-from specification: ${text}`);
  const words = mode.split(",");
  const kinds = [
    ["", "ro", "rw"],
    ["z", "Z"],
  ].map((kind) => words.filter((word) => kind.includes(word)).length);
  if (Math.max(...kinds) > 1 || kinds[0]! + kinds[1]! !== words.length) throw new EngineError("invalid", `invalid mode: ${mode}`);
  return { name, mode: words.includes("ro") ? "ro" : "rw" };
}

/** What another container has mounted, as wanted by one that takes its volumes: never more than that one may do. */
export function mountsOf(points: readonly MountPoint[], mode: string): WantedMount[] {
  return points
    .filter(({ Type }) => Type === "bind" || Type === "volume")
    .map((point) => ({
      ...PLAIN,
      type: point.Type as "bind" | "volume",
      source: point.Type === "volume" ? (point.Name ?? "") : point.Source,
      target: point.Destination,
      readOnly: mode === "ro" || !point.RW,
      mode: mode || point.Mode,
      propagation: point.Propagation,
      noCopy: true,
    }));
}
