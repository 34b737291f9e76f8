/** Devices: the runtime makes /dev/null and its like by itself; here are the rules, and what the user asked for. */
import { statSync } from "node:fs";
import type { HostConfig } from "../../api/types/container.ts";
import { EngineError } from "../../errors.ts";
import type { RuntimeSpec } from "../../runtime/spec.ts";

interface DeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** Docker's: nothing, then making any node, then using the harmless ones. */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[3, 5, 8, 9].map((minor) => ({ allow: true, type: "c", major: 1, minor, access: "rwm" })),
  { allow: true, type: "c", major: 1, minor: 7, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" },
  { allow: true, type: "c", major: 136, access: "rwm" },
];

/**
 * Nodes to make and rules for the device controller. Without root no node can be made: the caller binds the host's instead.
 * @throws {EngineError} invalid `error gathering device information …` with Docker's sentence
 */
export function specDevices(
  hostConfig: HostConfig,
  rootless: boolean,
): { devices: NonNullable<RuntimeSpec["linux"]["devices"]>; resources: Record<string, unknown> } {
  if (rootless) return { devices: [], resources: {} };
  if (hostConfig.Privileged) return { devices: [], resources: { devices: [{ allow: true, access: "rwm" }] } };
  const mapped = (hostConfig.Devices ?? []).map((device) => ({
    device: node(device.PathOnHost, device.PathInContainer),
    access: device.CgroupPermissions || "rwm",
  }));
  const rules = mapped.map(({ device: { type, major, minor }, access }) => ({ allow: true, type, major, minor, access }));
  const added = (hostConfig.DeviceCgroupRules ?? []).map(parseRule);
  return { devices: mapped.map(({ device }) => device), resources: { devices: [...DEFAULT_RULES, ...rules, ...added] } };
}

function node(
  host: string,
  container: string,
): { type: "c" | "b"; path: string; major: number; minor: number; fileMode: number; uid: number; gid: number } {
  const stat = statSync(host, { throwIfNoEntry: false });
  const gathering = `error gathering device information while adding custom device "${host}"`;
  if (!stat) throw new EngineError("invalid", `${gathering}: no such file or directory`);
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) throw new EngineError("invalid", `${gathering}: not a device node`);
  const type = stat.isBlockDevice() ? "b" : "c";
  const { major, minor } = deviceNumbers(stat.rdev);
  return { type, path: container || host, major, minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** glibc's gnu_dev_major and gnu_dev_minor, within the 32 bits that a device number has in practice. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function parseRule(rule: string): DeviceRule {
  const found = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule);
  if (!found) throw new EngineError("invalid", `invalid device cgroup rule format: '${rule}'`);
  const [, type = "a", major = "*", minor = "*", access = "rwm"] = found;
  return { allow: true, type, ...(major !== "*" && { major: Number(major) }), ...(minor !== "*" && { minor: Number(minor) }), access };
}
