/** What the engine says of itself and of the machine: `docker version`, `docker info`, `/berth/status`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { cpus, hostname, machine, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import { API_VERSION, OLDEST_API_VERSION, VERSION } from "../host/version.ts";
import type { System, SystemFacts } from "./services.ts";
import type { EngineStatus, VersionResponse } from "./types/system.ts";

export interface SystemOptions {
  /** Pids of the engine's processes, by name. */
  readonly processes?: () => Readonly<Record<string, number>>;
  /** Why containers cannot reach the world; empty when they can, or when nobody has asked for a network yet. */
  readonly networkProblem?: () => string;
  /** URLs that stand in for Docker Hub. */
  readonly mirrors?: readonly string[];
  /** Hosts and networks that may be spoken to without TLS, besides 127.0.0.0/8. */
  readonly insecureRegistries?: readonly string[];
}

/** The system service of this engine on this machine. */
export function openSystem(host: Host, options: SystemOptions = {}): System {
  return {
    version: VERSION,
    scratch: join(host.paths.storage, "tmp"),
    describeVersion: () => describeVersion(host),
    describe: () => Promise.resolve(describe(host, options)),
    status: () => status(host, options),
  };
}

function describeVersion(host: Host): VersionResponse {
  const build = { GitCommit: "", GoVersion: `Node.js ${process.version}`, BuildTime: "" };
  const here = { Os: "linux", Arch: goArchitecture(), KernelVersion: release() };
  const api = { ApiVersion: API_VERSION, MinAPIVersion: OLDEST_API_VERSION };
  return {
    Platform: { Name: "Berth" },
    Components: [
      { Name: "Engine", Version: VERSION, Details: { ...api, ...here, ...build, Experimental: "false" } },
      { Name: host.runtime.name, Version: host.runtime.version, Details: { GitCommit: "" } },
    ],
    Version: VERSION,
    ...api,
    ...build,
    ...here,
  };
}

/** The architecture as Go and OCI name it. */
function goArchitecture(): string {
  return { x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch;
}

function status(host: Host, options: SystemOptions): EngineStatus {
  const { paths, runtime } = host;
  return {
    version: VERSION,
    apiVersion: API_VERSION,
    pid: process.pid,
    socket: `unix://${paths.socket}`,
    root: paths.root,
    storage: paths.storage,
    log: paths.log,
    rootless: host.rootless,
    runtime: { name: runtime.name, path: runtime.path, version: runtime.version },
    cgroups: host.cgroups.mode,
    processes: { holder: host.holder.pid, ...options.processes?.() },
  };
}

function describe(host: Host, options: SystemOptions): SystemFacts {
  const { runtime } = host;
  return {
    ID: engineId(host),
    Driver: "overlay2",
    DriverStatus: [["userxattr", String(host.rootless)]],
    Plugins: { Volume: ["local"], Network: ["bridge", "host", "null"], Authorization: null, Log: ["json-file", "local", "none"] },
    ...limits(host, options.networkProblem?.() ?? ""),
    IPv4Forwarding: true,
    Debug: false,
    NFd: readdirSync("/proc/self/fd").length,
    NGoroutines: 0,
    LoggingDriver: "json-file",
    ...machineFacts(),
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(options),
    GenericResources: null,
    DockerRootDir: host.paths.storage,
    HttpProxy: proxy("HTTP_PROXY"),
    HttpsProxy: proxy("HTTPS_PROXY"),
    NoProxy: proxy("NO_PROXY"),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: VERSION,
    Runtimes: { [runtime.name]: { path: runtime.path } },
    DefaultRuntime: runtime.name,
    Swarm: { NodeID: "", NodeAddr: "", LocalNodeState: "inactive", ControlAvailable: false, Error: "", RemoteManagers: null },
    // Containers do outlive the engine here, always.
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "docker-init",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: runtime.name === "runc" ? runtime.version : "" },
    InitCommit: { ID: "" },
    SecurityOptions: securityOptions(host),
    CDISpecDirs: [],
  };
}

function securityOptions(host: Host): string[] {
  const options = ["name=seccomp,profile=builtin"];
  if (host.rootless) options.push("name=rootless");
  if (host.cgroups.version === 2) options.push("name=cgroupns");
  return options;
}

type Limits = Pick<
  SystemFacts,
  | "MemoryLimit"
  | "SwapLimit"
  | "CpuCfsPeriod"
  | "CpuCfsQuota"
  | "CPUShares"
  | "CPUSet"
  | "PidsLimit"
  | "OomKillDisable"
  | "CgroupDriver"
  | "CgroupVersion"
  | "Warnings"
>;

/** What containers can be limited by, and Docker's warnings for what they cannot. */
function limits({ cgroups, rootless }: Host, networkProblem: string): Limits {
  const [memory, cpu, cpuset, pids] = ["memory", "cpu", "cpuset", "pids"].map((name) => cgroups.controllers.includes(name));
  const warnings = [
    !memory && "WARNING: No memory limit support",
    !memory && "WARNING: No swap limit support",
    !cpu && "WARNING: No cpu cfs quota support",
    !cpu && "WARNING: No cpu cfs period support",
    !cpu && "WARNING: No cpu shares support",
    !cpuset && "WARNING: No cpuset support",
    networkProblem !== "" && `WARNING: ${networkProblem}`,
  ].filter((warning) => typeof warning === "string");
  if (rootless && cgroups.mode === "none")
    warnings.unshift("WARNING: Running in rootless-mode without cgroups. Systemd is required to enable cgroups in rootless-mode.");
  return {
    MemoryLimit: memory!,
    SwapLimit: memory!,
    CpuCfsPeriod: cpu!,
    CpuCfsQuota: cpu!,
    CPUShares: cpu!,
    CPUSet: cpuset!,
    PidsLimit: pids!,
    OomKillDisable: memory! && cgroups.version === 1,
    CgroupDriver: cgroups.mode === "none" ? "none" : "cgroupfs",
    CgroupVersion: `${cgroups.version}`,
    Warnings: warnings.length > 0 ? warnings : null,
  };
}

function machineFacts(): Pick<
  SystemFacts,
  "KernelVersion" | "OperatingSystem" | "OSVersion" | "OSType" | "Architecture" | "NCPU" | "MemTotal" | "Name"
> {
  const os = osRelease();
  return {
    KernelVersion: release(),
    OperatingSystem: os["PRETTY_NAME"] ?? os["NAME"] ?? "Linux",
    OSVersion: os["VERSION_ID"] ?? "",
    OSType: "linux",
    Architecture: machine(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Name: hostname(),
  };
}

function osRelease(): Record<string, string> {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"])
    try {
      const lines = readFileSync(path, "utf8").matchAll(/^(\w+)=(?:"(.*)"|'(.*)'|(.*))$/gm);
      return Object.fromEntries([...lines].map(([, key, double, single, bare]) => [key!, double ?? single ?? bare ?? ""]));
    } catch {
      // The next place; a machine without either is just "Linux".
    }
  return {};
}

function registryConfig(options: SystemOptions): SystemFacts["RegistryConfig"] {
  const mirrors = [...(options.mirrors ?? [])];
  const insecure = (options.insecureRegistries ?? []).filter((name) => !name.includes("/"));
  const official = { Name: "docker.io", Mirrors: mirrors, Secure: true, Official: true };
  const others = insecure.map((name) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }] as const);
  return {
    IndexConfigs: { "docker.io": official, ...Object.fromEntries(others) },
    InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128", ...(options.insecureRegistries ?? []).filter((name) => name.includes("/"))],
    Mirrors: mirrors.length > 0 ? mirrors : null,
  };
}

function proxy(name: string): string {
  // A password in a proxy's address is nobody's business.
  return (process.env[name] ?? process.env[name.toLowerCase()] ?? "").replace(/\/\/[^@/]*@/, "//xxxxx:xxxxx@");
}

/** The same for ever for one root on one machine, and for no other. */
function engineId(host: Host): string {
  const hash = createHash("sha256").update(`${machineId()} ${host.paths.state}`).digest("hex");
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join("-");
}

function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return hostname();
  }
}
