/** The bodies that clients send, as dockerd's Go types name them. */
import { stringMap, strings, struct } from "./shape.ts";
import type { Kind } from "./shape.ts";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  DeviceMapping,
  DeviceRequest,
  ExecCreateRequest,
  ExecStartRequest,
  HealthConfig,
  HostConfig,
  LogConfig,
  Mount,
  NetworkingConfig,
  Resources,
  RestartPolicy,
  ThrottleDevice,
  Ulimit,
  WeightDevice,
} from "./types/container.ts";
import type { AuthConfig } from "./types/image.ts";
import type {
  EndpointIpamConfig,
  EndpointSettings,
  Ipam,
  IpamPoolConfig,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkDisconnectRequest,
  PortBinding,
} from "./types/network.ts";
import type { VolumeCreateRequest } from "./types/volume.ts";

const set: Kind = { map: "anything" };
const size: Kind = { list: "integer" };

const health = struct<HealthConfig>("HealthcheckConfig", {
  Test: strings,
  Interval: "integer",
  Timeout: "integer",
  Retries: "integer",
  StartPeriod: "integer",
  StartInterval: "integer",
});

const config: { readonly [K in keyof Required<ContainerConfig>]: Kind } = {
  Hostname: "string",
  Domainname: "string",
  User: "string",
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  AttachStderr: "boolean",
  ExposedPorts: set,
  Tty: "boolean",
  OpenStdin: "boolean",
  StdinOnce: "boolean",
  Env: strings,
  Cmd: "words",
  Healthcheck: health,
  ArgsEscaped: "boolean",
  Image: "string",
  Volumes: set,
  WorkingDir: "string",
  Entrypoint: "words",
  NetworkDisabled: "boolean",
  MacAddress: "string",
  OnBuild: strings,
  Labels: stringMap,
  StopSignal: "string",
  StopTimeout: "integer",
  Shell: "words",
};

const restartPolicy = struct<RestartPolicy>("RestartPolicy", { Name: "string", MaximumRetryCount: "integer" });
const logConfig = struct<LogConfig>("LogConfig", { Type: "string", Config: stringMap });
const ulimit = struct<Ulimit>("Ulimit", { Name: "string", Soft: "integer", Hard: "integer" });
const weightDevice = struct<WeightDevice>("WeightDevice", { Path: "string", Weight: "integer" });
const throttleDevice = struct<ThrottleDevice>("ThrottleDevice", { Path: "string", Rate: "integer" });
const portBinding = struct<PortBinding>("PortBinding", { HostIp: "string", HostPort: "string" });
const device = struct<DeviceMapping>("DeviceMapping", { PathOnHost: "string", PathInContainer: "string", CgroupPermissions: "string" });
const deviceRequest = struct<DeviceRequest>("DeviceRequest", {
  Driver: "string",
  Count: "integer",
  DeviceIDs: strings,
  Capabilities: { list: strings },
  Options: stringMap,
});

const mount = struct<Mount>("Mount", {
  Target: "string",
  Source: "string",
  Type: "string",
  ReadOnly: "boolean",
  Consistency: "string",
  BindOptions: struct<Required<Mount>["BindOptions"]>("BindOptions", {
    Propagation: "string",
    NonRecursive: "boolean",
    CreateMountpoint: "boolean",
    ReadOnlyNonRecursive: "boolean",
    ReadOnlyForceRecursive: "boolean",
  }),
  VolumeOptions: struct<Required<Mount>["VolumeOptions"]>("VolumeOptions", {
    NoCopy: "boolean",
    Labels: stringMap,
    DriverConfig: struct<{ Name: string; Options: object }>("Driver", { Name: "string", Options: stringMap }),
    Subpath: "string",
  }),
  ImageOptions: struct<Required<Mount>["ImageOptions"]>("ImageOptions", { Subpath: "string" }),
  TmpfsOptions: struct<Required<Mount>["TmpfsOptions"]>("TmpfsOptions", {
    SizeBytes: "integer",
    Mode: "integer",
    Options: { list: strings },
  }),
});

const resources: { readonly [K in keyof Required<Resources>]: Kind } = {
  CpuShares: "integer",
  Memory: "integer",
  NanoCpus: "integer",
  CgroupParent: "string",
  BlkioWeight: "integer",
  BlkioWeightDevice: { list: weightDevice },
  BlkioDeviceReadBps: { list: throttleDevice },
  BlkioDeviceWriteBps: { list: throttleDevice },
  BlkioDeviceReadIOps: { list: throttleDevice },
  BlkioDeviceWriteIOps: { list: throttleDevice },
  CpuPeriod: "integer",
  CpuQuota: "integer",
  CpuRealtimePeriod: "integer",
  CpuRealtimeRuntime: "integer",
  CpusetCpus: "string",
  CpusetMems: "string",
  Devices: { list: device },
  DeviceCgroupRules: strings,
  DeviceRequests: { list: deviceRequest },
  MemoryReservation: "integer",
  MemorySwap: "integer",
  MemorySwappiness: "integer",
  OomKillDisable: "boolean",
  PidsLimit: "integer",
  Ulimits: { list: ulimit },
  CpuCount: "integer",
  CpuPercent: "integer",
  IOMaximumIOps: "integer",
  IOMaximumBandwidth: "integer",
};

const hostConfig = struct<HostConfig>("HostConfig", {
  ...resources,
  Binds: strings,
  ContainerIDFile: "string",
  LogConfig: logConfig,
  NetworkMode: "string",
  PortBindings: { map: { list: portBinding } },
  RestartPolicy: restartPolicy,
  AutoRemove: "boolean",
  VolumeDriver: "string",
  VolumesFrom: strings,
  Mounts: { list: mount },
  ConsoleSize: size,
  Annotations: stringMap,
  CapAdd: "words",
  CapDrop: "words",
  CgroupnsMode: "string",
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: "string",
  Cgroup: "string",
  Links: strings,
  OomScoreAdj: "integer",
  PidMode: "string",
  Privileged: "boolean",
  PublishAllPorts: "boolean",
  ReadonlyRootfs: "boolean",
  SecurityOpt: strings,
  StorageOpt: stringMap,
  Tmpfs: stringMap,
  UTSMode: "string",
  UsernsMode: "string",
  ShmSize: "integer",
  Sysctls: stringMap,
  Runtime: "string",
  Isolation: "string",
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Init: "boolean",
});

const endpointIpam = struct<EndpointIpamConfig>("EndpointIPAMConfig", {
  IPv4Address: "string",
  IPv6Address: "string",
  LinkLocalIPs: strings,
});

const endpoint = struct<EndpointSettings>("EndpointSettings", {
  IPAMConfig: endpointIpam,
  Links: strings,
  Aliases: strings,
  MacAddress: "string",
  DriverOpts: stringMap,
  GwPriority: "integer",
  NetworkID: "string",
  EndpointID: "string",
  Gateway: "string",
  IPAddress: "string",
  IPPrefixLen: "integer",
  IPv6Gateway: "string",
  GlobalIPv6Address: "string",
  GlobalIPv6PrefixLen: "integer",
  DNSNames: strings,
});

export const containerCreate = struct<ContainerCreateRequest>("CreateRequest", {
  ...config,
  HostConfig: hostConfig,
  NetworkingConfig: struct<NetworkingConfig>("NetworkingConfig", { EndpointsConfig: { map: endpoint } }),
});

export const containerUpdate = struct<Resources & { RestartPolicy?: RestartPolicy }>("UpdateConfig", {
  ...resources,
  RestartPolicy: restartPolicy,
});

/** Body of a commit: what is changed in the image's configuration. */
export const containerConfig = struct<ContainerConfig>("Config", config);

export const execCreate = struct<ExecCreateRequest>("ExecOptions", {
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  AttachStderr: "boolean",
  ConsoleSize: size,
  DetachKeys: "string",
  Tty: "boolean",
  Env: strings,
  Cmd: "words",
  Privileged: "boolean",
  User: "string",
  WorkingDir: "string",
});

export const execStart = struct<ExecStartRequest>("ExecStartOptions", { Detach: "boolean", Tty: "boolean", ConsoleSize: size });

export const volumeCreate = struct<VolumeCreateRequest>("CreateOptions", {
  Name: "string",
  Driver: "string",
  DriverOpts: stringMap,
  Labels: stringMap,
});

const ipamPool = struct<IpamPoolConfig>("IPAMConfig", {
  Subnet: "string",
  IPRange: "string",
  Gateway: "string",
  AuxiliaryAddresses: stringMap,
});

export const networkCreate = struct<NetworkCreateRequest>("CreateRequest", {
  Name: "string",
  Driver: "string",
  Scope: "string",
  Internal: "boolean",
  Attachable: "boolean",
  Ingress: "boolean",
  ConfigOnly: "boolean",
  ConfigFrom: struct<{ Network: string }>("ConfigReference", { Network: "string" }),
  IPAM: struct<Ipam>("IPAM", { Driver: "string", Options: stringMap, Config: { list: ipamPool } }),
  EnableIPv4: "boolean",
  EnableIPv6: "boolean",
  Options: stringMap,
  Labels: stringMap,
});

export const networkConnect = struct<NetworkConnectRequest>("ConnectOptions", { Container: "string", EndpointConfig: endpoint });
export const networkDisconnect = struct<NetworkDisconnectRequest>("DisconnectOptions", { Container: "string", Force: "boolean" });

export const putManifest = struct<{ raw?: string }>("ManifestPut", { raw: "string" });

export const authConfig = struct<AuthConfig>("AuthConfig", {
  username: "string",
  password: "string",
  auth: "string",
  email: "string",
  serveraddress: "string",
  identitytoken: "string",
  registrytoken: "string",
});
