/**
 * `--volume`, `--mount` and `--tmpfs`.
 */
import { resolve } from "node:path";
import type { Mount } from "../../api/types/container.ts";
import { parseBytes } from "../../syntax/size.ts";
import { csvFields, cut } from "./text.ts";

export interface Volumes {
  readonly binds: readonly string[];
  /** Anonymous ones. */
  readonly anonymous: readonly string[];
}

/** Sorts `-v` values: those with a source go to the engine as they are, relative paths made absolute. */
export function readVolumes(texts: readonly string[], cwd: string): Volumes {
  const binds: string[] = [];
  const anonymous: string[] = [];
  for (const text of texts) {
    const parts = text.split(":");
    if (text === "") throw new Error("invalid empty volume spec");
    // So short a text is a path as it is, and the engine says what is wrong with it.
    if (text.length <= 2) {
      anonymous.push(text);
      continue;
    }
    if (parts.some((part) => part === "")) throw new Error(`invalid spec: ${text}: empty section between colons`);
    // A single letter is the drive of a path on Windows.
    if (parts.length > 3 && !parts.some((part) => /^[a-z]$/i.test(part))) throw new Error(`invalid spec: ${text}: too many colons`);
    if (parts.length === 1) anonymous.push(text);
    else binds.push([/^\.{1,2}(\/|$)/.test(parts[0]!) ? resolve(cwd, parts[0]!) : parts[0]!, ...parts.slice(1)].join(":"));
  }
  return { binds, anonymous };
}

/** `--tmpfs /path:options` values by path. */
export function readTmpfs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf(":");
      return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** A mount while its fields are read. */
type Draft = Mount & { Target: string };

const BOOLEAN = ["readonly", "ro", "volume-nocopy", "bind-nonrecursive"];

type Setter = (mount: Draft, value: string, cwd: string) => void;

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => void (mount.Type = value.toLowerCase() as NonNullable<Mount["Type"]>),
  source: (mount, value, cwd) => void (mount.Source = /^\.{1,2}(\/|$)/.test(value) ? resolve(cwd, value) : value),
  target: (mount, value) => void (mount.Target = value),
  readonly: (mount, value) => void (mount.ReadOnly = readBoolean("readonly", value)),
  consistency: (mount, value) => void (mount.Consistency = value.toLowerCase()),
  "bind-propagation": (mount, value) => void (bindOptions(mount).Propagation = value.toLowerCase()),
  "bind-nonrecursive": (mount, value) => void (bindOptions(mount).NonRecursive = readBoolean("bind-nonrecursive", value)),
  "bind-recursive": (mount, value) => setRecursive(mount, value),
  "bind-create-src": (mount, value) => void (bindOptions(mount).CreateMountpoint = readBoolean("bind-create-src", value)),
  "volume-subpath": (mount, value) => void (volumeOptions(mount).Subpath = value),
  "volume-nocopy": (mount, value) => void (volumeOptions(mount).NoCopy = readBoolean("volume-nocopy", value)),
  "volume-label": (mount, value) => {
    const options = volumeOptions(mount);
    const [key, text] = cut(value);
    options.Labels = { ...options.Labels, [key]: text };
  },
  "volume-driver": (mount, value) => void (driver(mount).Name = value),
  "volume-opt": (mount, value) => {
    const [key, text] = cut(value);
    driver(mount).Options = { ...driver(mount).Options, [key]: text };
  },
  "image-subpath": (mount, value) => void (mount.ImageOptions = { Subpath: value }),
  "tmpfs-size": (mount, value) => void (tmpfsOptions(mount).SizeBytes = sizeOf(value)),
  "tmpfs-mode": (mount, value) => {
    if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
    tmpfsOptions(mount).Mode = Number.parseInt(value, 8);
  },
};

const SYNONYMS: Readonly<Record<string, string>> = { src: "source", dst: "target", destination: "target", ro: "readonly" };

/** Reads `type=bind,src=/a,dst=/b,readonly`. @throws {Error} in docker's words */
export function readMount(text: string, cwd: string): Mount {
  if (text === "") throw new Error("EOF");
  const mount: Draft = { Type: "volume", Target: "" };
  for (const field of csvFields(text)) {
    const hasValue = field.includes("=");
    const [written, value] = cut(field);
    const key = written.toLowerCase();
    if (!hasValue && !BOOLEAN.includes(key)) throw new Error(`invalid field '${field}' must be a key=value pair`);
    const setter = SETTERS[SYNONYMS[key] ?? key];
    if (!setter) throw new Error(`unexpected key '${key}' in '${field}'`);
    setter(mount, hasValue ? value : "true", cwd);
  }
  checkMount(mount);
  return mount;
}

function checkMount(mount: Draft): void {
  checkRecursion(mount);
  if (!mount.Type) throw new Error("type is required");
  if (!mount.Target) throw new Error("target is required");
  if (mount.VolumeOptions && mount.Type !== "volume") throw new Error(`cannot mix 'volume-*' options with mount type '${mount.Type}'`);
  if (mount.ImageOptions && mount.Type !== "image") throw new Error(`cannot mix 'image-*' options with mount type '${mount.Type}'`);
  if (mount.BindOptions && mount.Type !== "bind") throw new Error(`cannot mix 'bind-*' options with mount type '${mount.Type}'`);
  if (mount.TmpfsOptions && mount.Type !== "tmpfs") throw new Error(`cannot mix 'tmpfs-*' options with mount type '${mount.Type}'`);
}

function checkRecursion({ ReadOnly, BindOptions }: Draft): void {
  const needs = (value: string, other: string): Error =>
    new Error(`option 'bind-recursive=${value}' requires '${other}' to be specified in conjunction`);
  if (BindOptions?.ReadOnlyNonRecursive && !ReadOnly) throw needs("writable", "readonly");
  if (!BindOptions?.ReadOnlyForceRecursive) return;
  if (!ReadOnly) throw needs("readonly", "readonly");
  if (BindOptions.Propagation !== "rprivate") throw needs("readonly", "bind-propagation=rprivate");
}

function readBoolean(name: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new Error(`invalid value for ${name}: ${value}`);
}

function setRecursive(mount: Draft, value: string): void {
  const options = bindOptions(mount);
  if (value === "disabled") options.NonRecursive = true;
  else if (value === "writable") options.ReadOnlyNonRecursive = true;
  else if (value === "readonly") options.ReadOnlyForceRecursive = true;
  else if (value !== "enabled")
    throw new Error(`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
}

function sizeOf(value: string): number {
  try {
    return parseBytes(value);
  } catch {
    throw new Error(`invalid value for tmpfs-size: ${value}`);
  }
}

function bindOptions(mount: Draft): NonNullable<Mount["BindOptions"]> {
  return (mount.BindOptions ??= {});
}

function volumeOptions(mount: Draft): NonNullable<Mount["VolumeOptions"]> {
  return (mount.VolumeOptions ??= { DriverConfig: {} });
}

function driver(mount: Draft): { Name?: string; Options?: Record<string, string> } {
  return (volumeOptions(mount).DriverConfig ??= {});
}

function tmpfsOptions(mount: Draft): NonNullable<Mount["TmpfsOptions"]> {
  return (mount.TmpfsOptions ??= {});
}
