/** Device nodes of a container: `--device`, `--privileged`, and what the device cgroup allows. */
import { lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DeviceMapping } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import type { SpecMount } from "./mounts.ts";
import type { RuntimeSpec } from "../runtime/spec.ts";

type Device = NonNullable<RuntimeSpec["linux"]["devices"]>[number];

export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** Nothing but what every container has. @see https://github.com/moby/moby/blob/v28.5.2/oci/defaults.go */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 1, access: "rwm" },
  { allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
];

export const ALL_DEVICES_RULE: DeviceRule = { allow: true, access: "rwm" };

/**
 * `--device-cgroup-rule`: kind, numbers (`*` is any) and what may be done.
 * @throws {EngineError} invalid with Docker's sentence
 */
export function parseDeviceRules(rules: readonly string[]): DeviceRule[] {
  return rules.map((text) => {
    const [, type, major, minor, access] = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text) ?? [];
    if (type === undefined || access === undefined) throw new EngineError("invalid", `invalid device cgroup rule format: '${text}'`);
    return {
      allow: true,
      type,
      ...(major !== "*" && { major: Number(major) }),
      ...(minor !== "*" && { minor: Number(minor) }),
      access,
    };
  });
}

/** Numbers of a block device by its path. @throws {EngineError} internal with Docker's sentence */
export function deviceNumbers(path: string): { major: number; minor: number } {
  try {
    return splitDevice(statSync(path).rdev);
  } catch (error) {
    const reason = errorCode(error) === "ENOENT" ? "no such file or directory" : (error as Error).message;
    throw new EngineError("internal", `stat ${path}: ${reason}`, { cause: error });
  }
}

export interface MappedDevices {
  readonly devices: Device[];
  readonly rules: DeviceRule[];
  /** The same for a user namespace, which cannot make device nodes. */
  readonly binds: SpecMount[];
}

/**
 * The nodes that `--device` asks for, directories with everything in them.
 * @throws {EngineError} internal with Docker's sentence when there is no such device
 */
export function mappedDevices(mappings: readonly DeviceMapping[]): MappedDevices {
  const devices: Device[] = [];
  const rules: DeviceRule[] = [];
  const binds: SpecMount[] = [];
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of mappings) {
    const found = devicesAt(PathOnHost, PathInContainer || PathOnHost);
    if (found.length === 0) throw notADevice(PathOnHost, "not a device node");
    for (const { source, ...device } of found) {
      devices.push(device);
      binds.push({ type: "bind", source, target: device.path, options: ["bind", "rprivate"] });
      rules.push({ allow: true, type: device.type, major: device.major!, minor: device.minor!, access: CgroupPermissions || "rwm" });
    }
  }
  return { devices, rules, binds };
}

function notADevice(path: string, reason: string): EngineError {
  return new EngineError("internal", `error gathering device information while adding custom device "${path}": ${reason}`);
}

function devicesAt(path: string, target: string): (Device & { source: string })[] {
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    const reason = errorCode(error) === "ENOENT" ? "no such file or directory" : (error as Error).message;
    throw notADevice(path, reason);
  }
  if (stat.isDirectory())
    return readdirSync(path).flatMap((name) => {
      const child = lstatSync(join(path, name));
      const inside = child.isDirectory() || child.isBlockDevice() || child.isCharacterDevice();
      return inside ? devicesAt(join(path, name), join(target, name)) : [];
    });
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) throw notADevice(path, "not a device node");
  return [{ ...deviceNode(target, stat), source: path }];
}

function deviceNode(path: string, stat: { isBlockDevice(): boolean; rdev: number; mode: number; uid: number; gid: number }): Device {
  const { major, minor } = splitDevice(stat.rdev);
  return { type: stat.isBlockDevice() ? "b" : "c", path, major, minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** A device number as the C library packs it. */
function splitDevice(packed: number): { major: number; minor: number } {
  const device = BigInt(packed);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return { major: Number(major), minor: Number(minor & 0xffffffffn) };
}

/** Everything below /dev that this engine may see, for `--privileged`, without what a container has of its own. */
export function hostDevices(): Device[] {
  return walkDevices("/dev");
}

const OWN = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "hugepages"]);

function walkDevices(directory: string): Device[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    if (directory === "/dev" && OWN.has(name)) return [];
    const path = join(directory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return walkDevices(path);
    return stat?.isBlockDevice() || stat?.isCharacterDevice() ? [deviceNode(path, stat)] : [];
  });
}
