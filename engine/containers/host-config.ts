/**
 * What of a container's HostConfig contradicts itself, said as Docker says it.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/pkg/opts and runconfig/hostconfig_unix.go
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import type { ContainerCreateRequest, HostConfig } from "../api/types/container.ts";
import type { EndpointSettings } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}

/** @throws {EngineError} invalid with Docker's sentence */
export function checkHostConfig(request: ContainerCreateRequest): void {
  const hostConfig = request.HostConfig ?? {};
  checkModes(hostConfig);
  const { OomScoreAdj = 0 } = hostConfig;
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) throw invalid(`Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (!["", "default"].includes(hostConfig.Isolation ?? ""))
    throw invalid(`invalid isolation: "${hostConfig.Isolation}" - linux only supports 'default'`);
  if (hostConfig.UTSMode === "host" && request.Hostname) throw invalid("conflicting options: hostname and the UTS mode");
  if ("" in (hostConfig.Annotations ?? {})) throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  // A directory of overlayfs is as large as its file system: a size that is not kept is not promised.
  if (Object.keys(hostConfig.StorageOpt ?? {}).length > 0)
    throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  checkQuality(hostConfig);
  checkPorts(hostConfig.PortBindings ?? {});
  for (const host of hostConfig.ExtraHosts ?? []) checkExtraHost(host);
  checkSharedNetwork(request, hostConfig);
  for (const [name, settings] of Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {}))
    if ((settings as EndpointSettings | null) === null) throw invalid(`invalid config for network ${name}: EndpointsConfig is nil`);
  checkDefaultNetwork(request, hostConfig.NetworkMode ?? "");
}

/** The values of each mode, besides "" and `container:<name>` where `joins` says so. */
const MODES = [
  { field: "IpcMode", what: "IPC mode", known: ["none", "private", "shareable", "host"], joins: true },
  { field: "PidMode", what: "PID mode", known: ["host"], joins: true },
  { field: "UTSMode", what: "UTS mode", known: ["host"], joins: false },
  { field: "UsernsMode", what: "user namespace mode", known: ["host"], joins: false },
  { field: "CgroupnsMode", what: "cgroup namespace mode", known: ["private", "host"], joins: false },
] as const;

function checkModes(hostConfig: HostConfig): void {
  for (const { field, what, known, joins } of MODES) {
    const mode = hostConfig[field] ?? "";
    const fits = mode === "" || (known as readonly string[]).includes(mode) || (joins && /^container:./.test(mode));
    if (!fits) throw invalid(`invalid ${what}: ${mode}`);
  }
}

/** What only Windows has. */
function checkQuality({ IOMaximumBandwidth, IOMaximumIOps }: HostConfig): void {
  const what = IOMaximumBandwidth ? "bandwidth" : IOMaximumIOps ? "IOPs" : "";
  if (what) throw invalid(`invalid QoS settings: linux does not support configuration of maximum ${what}`);
}

function checkPorts(bindings: NonNullable<HostConfig["PortBindings"]>): void {
  for (const [port, hosts] of Object.entries(bindings)) {
    const inside = port.split("/")[0]!;
    if (!isPort(inside)) throw invalid(`invalid port specification: ${JSON.stringify(inside)}`);
    const wrong = (hosts ?? []).find(({ HostPort = "" }) => !isPortRange(HostPort));
    if (wrong) throw invalid(`invalid port specification: ${JSON.stringify(wrong.HostPort)}`);
  }
}

function isPort(text: string): boolean {
  return /^\d*$/.test(text) && Number(text) <= 65_535;
}

function isPortRange(text: string): boolean {
  const [first = "", last = first, more] = text.split("-");
  return isPort(first) && isPort(last) && Number(first) <= Number(last) && more === undefined;
}

/** `name:address`. */
function checkExtraHost(text: string): void {
  const at = text.indexOf(":");
  if (at < 1) throw invalid(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = text.slice(at + 1);
  if (address !== "host-gateway" && isIP(address.trim()) === 0) throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`);
}

/** Whoever shares a network has nothing of its own to say about it. */
function checkSharedNetwork(request: ContainerCreateRequest, hostConfig: HostConfig): void {
  const mode = hostConfig.NetworkMode ?? "";
  const refuse = (when: unknown, options: string): void => {
    if (when) throw invalid(`conflicting options: ${options}`);
  };
  const undefinedBehavior = "can't be used with links. This would result in undefined behavior";
  if (mode === "host") refuse(hostConfig.Links?.length, `host type networking ${undefinedBehavior}`);
  const others = Object.keys(request.NetworkingConfig?.EndpointsConfig ?? {}).filter((name) => name !== mode);
  if ((mode === "host" || mode === "none" || mode.startsWith("container:")) && others.length > 0)
    throw invalid("container sharing network namespace with another container or host cannot be connected to any other network");
  if (!mode.startsWith("container:")) return;
  if (mode === "container:") throw invalid("invalid container format container:<name|id>");
  refuse(request.Hostname, "hostname and the network mode");
  refuse(hostConfig.Links?.length, `container type network ${undefinedBehavior}`);
  refuse(hostConfig.Dns?.length, "dns and the network mode");
  refuse(hostConfig.ExtraHosts?.length, "custom host-to-IP mapping and the network mode");
  refuse(request.MacAddress, "mac-address and the network mode");
  refuse(
    Object.keys(hostConfig.PortBindings ?? {}).length > 0 || hostConfig.PublishAllPorts,
    "port publishing and the container type network mode",
  );
  refuse(Object.keys(request.ExposedPorts ?? {}).length > 0, "port exposing and the container type network mode");
}

/** Addresses that are none. @see https://github.com/moby/moby/blob/v28.5.2/api/types/network/endpoint.go */
function badAddresses(settings: EndpointSettings | null | undefined): string[] {
  const { IPv4Address = "", IPv6Address = "", LinkLocalIPs } = settings?.IPAMConfig ?? {};
  return [
    IPv4Address !== "" && !isIPv4(IPv4Address) && `invalid IPv4 address: ${IPv4Address}`,
    IPv6Address !== "" && !isIPv6(IPv6Address) && `invalid IPv6 address: ${IPv6Address}`,
    ...(LinkLocalIPs ?? []).map((address) => isIP(address) === 0 && `invalid link-local IP address: ${address}`),
  ].filter((problem) => problem !== false);
}

/** The default bridge gives out addresses itself and has no names. */
function checkDefaultNetwork({ NetworkingConfig }: ContainerCreateRequest, mode: string): void {
  if (!["", "default", "bridge"].includes(mode)) return;
  const endpoints: Record<string, EndpointSettings | null | undefined> = NetworkingConfig?.EndpointsConfig ?? {};
  const settings = endpoints[mode || "default"] ?? endpoints["bridge"] ?? endpoints["default"];
  const problems = [
    ...badAddresses(settings),
    (settings?.IPAMConfig?.IPv4Address || settings?.IPAMConfig?.IPv6Address) &&
      "user specified IP address is supported on user defined networks only",
    settings?.Aliases?.length && "network-scoped aliases are only supported for user-defined networks",
  ].filter((problem) => typeof problem === "string" && problem !== "");
  if (problems.length > 0) throw invalid(`invalid config for network bridge: invalid endpoint settings:\n${problems.join("\n")}`);
}
