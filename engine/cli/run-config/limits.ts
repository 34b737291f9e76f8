/**
 * Resources and rights: ulimits, devices, capabilities, sysctls, security options, restart policy.
 */
import { readFile } from "node:fs/promises";
import type {
  DeviceMapping,
  DeviceRequest,
  HostConfig,
  RestartPolicy,
  ThrottleDevice,
  Ulimit,
  WeightDevice,
} from "../../api/types/container.ts";
import { parseBytes } from "../../syntax/size.ts";
import { csvFields, cut } from "./text.ts";
import { describeJsonError } from "../../syntax/json-errors.ts";

const ULIMITS = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" ");

/** `nofile=100:200`. @throws {Error} in docker's words */
export function readUlimit(text: string): Ulimit {
  const [Name, value] = cut(text);
  if (!text.includes("=")) throw new Error(`invalid ulimit argument: ${text}`);
  if (!ULIMITS.includes(Name)) throw new Error(`invalid ulimit type: ${Name}`);
  const [soft = "", hard = soft, more] = value.split(":");
  if (more !== undefined) throw new Error(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  const Hard = limitOf(hard);
  const Soft = limitOf(soft);
  if (Hard !== -1 && (Soft === -1 || Soft > Hard))
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  return { Name, Hard, Soft };
}

/** The last of each name, sorted. */
export function readUlimits(texts: readonly string[]): Ulimit[] {
  const byName = new Map(texts.map(readUlimit).map((limit) => [limit.Name, limit]));
  return [...byName.values()].toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
}

function limitOf(text: string): number {
  if (text === "unlimited") return -1;
  if (!/^-?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** `/dev/a:/dev/b:rwm`. */
export function readDevice(text: string): DeviceMapping {
  const [PathOnHost = "", second = "", third = ""] = text.split(":");
  const isMode = (mode: string): boolean => /^[rwm]{1,3}$/.test(mode);
  if (text.split(":").length > 3) throw new Error(`invalid device specification: ${text}`);
  if (third !== "" && !isMode(third)) throw new Error(`bad mode specified: ${third}`);
  const PathInContainer = second === "" || isMode(second) ? PathOnHost : second;
  const CgroupPermissions = third || (isMode(second) ? second : "rwm");
  return { PathOnHost, PathInContainer, CgroupPermissions };
}

/** `--device` values are refused unless they have an absolute path and a mode of r, w and m. */
export function checkDevice(text: string): void {
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) throw new Error(`bad format for path: ${text}`);
  const qualified = /^[^/]+\/[^=]+=/.test(text);
  const [, inside = "", mode = ""] = parts;
  if (mode !== "" && !/^[rwm]{1,3}$/.test(mode)) throw new Error(`bad mode specified: ${mode}`);
  if (!qualified && inside !== "" && !inside.startsWith("/") && (mode !== "" || !/^[rwm]{1,3}$/.test(inside)))
    throw new Error(`${inside} is not an absolute path`);
  if (!parts[0]!.startsWith("/") && !qualified) throw new Error(`${parts[0]} is not an absolute path`);
}

/** `c 1:3 rwm`. */
export function checkDeviceRule(text: string): void {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) throw new Error(`invalid device cgroup format '${text}'`);
}

/** `all`, a number, or `device=0,capabilities=utility`. */
export function readGpus(text: string): DeviceRequest {
  const request: DeviceRequest = { Driver: "", Count: 0, DeviceIDs: null, Capabilities: [], Options: {} };
  for (const field of csvFields(text)) {
    const [key, value] = field.includes("=") ? cut(field) : ["count", field];
    if (key === "count") request.Count = value === "all" ? -1 : Number(value);
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "driver") request.Driver = value;
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") request.Options = Object.fromEntries(csvFields(value).map(cut));
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (Number.isNaN(request.Count)) throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  if (request.Capabilities?.length === 0) request.Capabilities = [["gpu"]];
  if (request.Count === 0 && !request.DeviceIDs) request.Count = 1;
  return request;
}

/** `/dev/sda:500`. */
export function readWeightDevice(text: string): WeightDevice {
  const [Path, value] = splitDevice(text);
  const Weight = Number(value);
  if (!Number.isInteger(Weight) || (Weight !== 0 && (Weight < 10 || Weight > 1000))) throw new Error(`invalid weight for device: ${text}`);
  return { Path, Weight };
}

/** `/dev/sda:1mb`. */
export function readByteRate(text: string): ThrottleDevice {
  const [Path, value] = splitDevice(text);
  try {
    return { Path, Rate: parseBytes(value) };
  } catch {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
}

/** `/dev/sda:1000`. */
export function readOperationRate(text: string): ThrottleDevice {
  const [Path, value] = splitDevice(text);
  if (!/^\d+$/.test(value))
    throw new Error(`invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`);
  return { Path, Rate: Number(value) };
}

function splitDevice(text: string): [path: string, value: string] {
  const at = text.indexOf(":");
  if (at <= 0) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, at);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, text.slice(at + 1)];
}

/** Capabilities in the engine's spelling: `CAP_` in front, sorted, each once; ALL stands for itself. */
export function readCapabilities(texts: readonly string[]): string[] | null {
  if (texts.length === 0) return null;
  const names = texts.map((text) => {
    const name = text.trim().toUpperCase();
    return name === "ALL" || name.startsWith("CAP_") ? name.replace(/^CAP_ALL$/, "ALL") : `CAP_${name}`;
  });
  return names.includes("ALL") ? ["ALL"] : [...new Set(names)].toSorted();
}

const SYSCTLS = [
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
];

/** Only what a container has for itself may be set. */
export function checkSysctl(text: string): void {
  const [name] = cut(text);
  const known = SYSCTLS.includes(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
  if (!text.includes("=") || !known) throw new Error(`sysctl '${text}' is not allowed`);
}

/** `--restart name[:count]`. */
export function readRestartPolicy(text: string): RestartPolicy {
  const [name = "", count] = text.split(":");
  if (text.split(":").length > 2) throw new Error("invalid restart policy format: maximum retry count must be an integer");
  if (name === "" && count !== undefined) throw new Error("invalid restart policy format: no policy provided before colon");
  if (count !== undefined && !/^-?\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  return { Name: name as NonNullable<RestartPolicy["Name"]>, MaximumRetryCount: Number(count ?? 0) };
}

/** `--security-opt` values; a seccomp profile that is a file is sent as its content. */
export async function readSecurityOptions(
  texts: readonly string[],
): Promise<Pick<HostConfig, "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths">> {
  const kept: string[] = [];
  let open = false;
  for (const text of texts) {
    const [key, value] = text.includes("=") ? cut(text) : [text.split(":")[0]!, text.split(":")[1] ?? ""];
    if (text === "systempaths=unconfined") open = true;
    else if (key !== "no-new-privileges" && value === "" && text !== "disable")
      throw new Error(`invalid --security-opt: ${JSON.stringify(text)}`);
    else if (key === "seccomp" && value !== "unconfined" && value !== "builtin") kept.push(`seccomp=${await profile(value)}`);
    else kept.push(text);
  }
  return {
    ...(kept.length > 0 ? { SecurityOpt: kept } : {}),
    ...(open ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  };
}

async function profile(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "no such file or directory" : error.message;
    throw new Error(`opening seccomp profile (${path}) failed: open ${path}: ${reason}`);
  });
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    const why = describeJsonError(text).replace(/^invalid JSON: /, "");
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${why}`);
  }
}
