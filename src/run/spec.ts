/** A container as a form: words of docker's flags to what the API wants, and back. Pure. */
import type { ContainerConfig, ContainerCreateRequest, ContainerInspect, HostConfig, Mount } from "../../engine/api/types/container.ts";
import type { PortMap } from "../../engine/api/types/network.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { t } from "../language/server/words.ts";

export const EMPTY_SPEC: RunSpec = {
  image: "",
  name: "",
  command: "",
  ports: [],
  environment: [],
  mounts: [],
  network: "",
  memory: "",
  cpus: "",
  restart: "no",
  user: "",
  directory: "",
  removeAfter: false,
};

/**
 * The request that makes such a container.
 * @param base what the form does not show of a container that is made anew: it stays as it is
 * @throws {Error} a sentence that names the field
 */
export function requestOf(spec: RunSpec, base: ContainerCreateRequest = {}): ContainerCreateRequest {
  if (!spec.image.trim()) throw new Error(t("An image is needed"));
  const ports = portMap(spec.ports);
  const command = splitWords(spec.command);
  const hostConfig: HostConfig = {
    ...base.HostConfig,
    PortBindings: ports,
    // What is mounted already with options that a bind has no words for, keeps them.
    Binds: spec.mounts.map(bind).filter((text) => !base.HostConfig?.Mounts?.some((mount) => isShown(mount) && mountWords(mount) === text)),
    ...limits(spec),
    RestartPolicy: { ...base.HostConfig?.RestartPolicy, Name: spec.restart },
    AutoRemove: spec.removeAfter,
    ...(spec.network || base.HostConfig?.NetworkMode ? { NetworkMode: spec.network || "default" } : {}),
  };
  if (hostConfig.Memory === 0) delete hostConfig.MemorySwap;
  return {
    ...base,
    Image: spec.image.trim(),
    Env: spec.environment.map(variable),
    ExposedPorts: { ...base.ExposedPorts, ...Object.fromEntries(Object.keys(ports).map((port) => [port, {}])) },
    ...(command.length > 0 ? { Cmd: command } : {}),
    User: spec.user,
    WorkingDir: spec.directory,
    HostConfig: hostConfig,
  };
}

/** What of a container the form shows. @param own what the image says: that is not repeated */
export function specOf(
  { Name, Config, HostConfig: host }: ContainerInspect,
  own: Pick<Partial<ContainerConfig>, "Env" | "Cmd" | "User" | "WorkingDir"> = {},
): RunSpec {
  const binds = [...(host.Binds ?? []), ...(host.Mounts ?? []).filter(isShown).map(mountWords)];
  const sameCommand = JSON.stringify(Config.Cmd ?? []) === JSON.stringify(own.Cmd ?? []);
  return {
    image: Config.Image ?? "",
    name: Name.replace(/^\//, ""),
    command: sameCommand ? "" : (Config.Cmd ?? []).map(quoteWord).join(" "),
    ports: portWords(host.PortBindings ?? {}),
    environment: (Config.Env ?? []).filter((entry) => !own.Env?.includes(entry)),
    mounts: binds,
    network: host.NetworkMode === "default" ? "" : (host.NetworkMode ?? ""),
    memory: host.Memory ? sizeWord(host.Memory) : "",
    cpus: host.NanoCpus ? String(host.NanoCpus / 1e9) : "",
    restart: host.RestartPolicy?.Name || "no",
    user: Config.User === own.User ? "" : (Config.User ?? ""),
    directory: Config.WorkingDir === own.WorkingDir ? "" : (Config.WorkingDir ?? ""),
    removeAfter: host.AutoRemove ?? false,
  };
}

/** What is behind `run`. */
export function runWords(spec: RunSpec): string[] {
  return [...runFlags(spec), spec.image, ...splitWords(spec.command)];
}

/** What is between `run` and the image. */
export function runFlags(spec: RunSpec): string[] {
  const each = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value]);
  const one = (flag: string, value: string): string[] => (value ? [flag, value] : []);
  return [
    "--detach",
    ...one("--name", spec.name),
    ...each("--publish", spec.ports),
    ...each("--env", spec.environment),
    ...each("--volume", spec.mounts),
    ...one("--network", spec.network),
    ...one("--memory", spec.memory),
    ...one("--cpus", spec.cpus),
    ...one("--restart", spec.restart === "no" ? "" : spec.restart),
    ...one("--user", spec.user),
    ...one("--workdir", spec.directory),
    ...(spec.removeAfter ? ["--rm"] : []),
    ...one("--platform", spec.platform ?? ""),
  ];
}

/** `[IP:][HOST:]CONTAINER[/PROTOCOL]`; without a host port the engine picks one. */
function portMap(ports: readonly string[]): PortMap {
  const map: PortMap = {};
  for (const text of ports) {
    const match = /^(?:(?:(\[[0-9a-f:]+\]|[\d.]+):)?(\d*):)?(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(text.trim());
    if (!match) throw new Error(t('"{0}" is no port: write 8080:80, 127.0.0.1:8080:80 or 53:53/udp', text));
    const [, ip = "", outside = "", inside, protocol = "tcp"] = match;
    if (Number(inside) > 65_535 || Number(outside) > 65_535) throw new Error(t('"{0}" is no port: they end at 65535', text));
    (map[`${inside}/${protocol.toLowerCase()}`] ??= []).push({ HostIp: ip.replace(/^\[|\]$/g, ""), HostPort: outside });
  }
  return map;
}

function portWords(map: PortMap): string[] {
  return Object.entries(map).flatMap(([key, bindings]) => {
    const inside = key.replace(/\/tcp$/, "");
    return (bindings ?? []).map(({ HostIp = "", HostPort = "" }) => {
      const ip = HostIp && HostIp !== "0.0.0.0" && HostIp !== "::" ? `${HostIp.includes(":") ? `[${HostIp}]` : HostIp}:` : "";
      return `${ip}${HostPort || ip ? `${HostPort}:` : ""}${inside}`;
    });
  });
}

function bind(text: string): string {
  const [source, target] = text.trim().split(":");
  if (!source || !target?.startsWith("/")) throw new Error(t('"{0}" is no mount: write volume:/path or /host/path:/path:ro', text));
  return text.trim();
}

/** Whether a mount can be written as a bind. */
export const isShown = ({ Type }: Mount): boolean => Type === "volume" || Type === "bind";

export function mountWords({ Source = "", Target = "", ReadOnly = false }: Mount): string {
  return `${Source}:${Target}${ReadOnly ? ":ro" : ""}`;
}

function variable(text: string): string {
  if (!/^[^=\s][^=]*=/.test(text)) throw new Error(t('"{0}" is no variable: write NAME=value', text));
  return text;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** As docker reads it: binary units. */
function bytes(text: string): number {
  if (!text.trim()) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([bkmg]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) throw new Error(t('"{0}" is no amount of memory: write 512m or 2g', text));
  const value = Math.round(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!);
  if (value < 6 * 1024 ** 2) throw new Error(t("A memory limit is 6m at least"));
  return value;
}

/** Bytes and billionths of a CPU; 0 where nothing is written. @throws {Error} a sentence that says what is wrong */
export function limits({ memory, cpus }: Pick<RunSpec, "memory" | "cpus">): { readonly Memory: number; readonly NanoCpus: number } {
  return { Memory: bytes(memory), NanoCpus: nanoCpus(cpus) };
}

function sizeWord(size: number): string {
  for (const unit of ["g", "m", "k"]) if (size % UNITS[unit]! === 0) return `${size / UNITS[unit]!}${unit}`;
  return String(size);
}

function nanoCpus(text: string): number {
  if (!text.trim()) return 0;
  const value = Number(text);
  if (!(value > 0)) throw new Error(t('"{0}" is no number of CPUs: write 0.5 or 2', text));
  return Math.round(value * 1e9);
}

/** As a shell splits: blanks, with quotes and backslashes. @throws {Error} for a quote that does not end */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (quoted && character === quoted) quoted = "";
    else if (character === "\\" && quoted !== "'" && index + 1 < text.length) word = (word ?? "") + text[++index]!;
    else if (quoted) word += character;
    else if (character === '"' || character === "'") [quoted, word] = [character, word ?? ""];
    else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quoted) throw new Error(t("The command has a {0} that does not end", quoted));
  return word === undefined ? words : [...words, word];
}

/** As a POSIX shell reads it back. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
