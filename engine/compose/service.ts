/**
 * One service of a compose project, in the canonical wire shape: what `docker compose config --format json`
 * prints. Names are the specification's. Short forms are gone: ports, volumes, secrets, networks,
 * depends_on, env_file are in their long form; relative paths are absolute; variables are replaced.
 *
 * Units: a duration is Go's text (`1m30s`), a size is a decimal number of bytes as text (`"1048576"`),
 * a file mode is octal text (`0440`), cpus are cores. A field that is not there was not said.
 * `x-…` keys stay where they were written, on any of these objects.
 *
 * @see https://github.com/compose-spec/compose-spec/blob/main/05-services.md
 */

/** `1m30s`; parse it with `durationNanoseconds`. */
export type DurationText = string;
/** A whole number of bytes in decimal, `"1048576"`; `"-1"` where the specification allows "no limit". */
export type BytesText = string;
/** Octal, with a leading zero: `0440`. */
export type ModeText = string;

export type StringMap = Record<string, string>;

export interface DependsOn {
  condition: "service_started" | "service_healthy" | "service_completed_successfully";
  /** Whether the dependent is restarted when an operation restarts the dependency. */
  restart?: boolean;
  /** When false, a missing or failing dependency is only a warning. */
  required: boolean;
}

/** One published or exposed port; a range that pairs ports has become one entry each. */
export interface ServicePort {
  name?: string;
  mode?: string;
  host_ip?: string;
  target: number;
  /** A port or, when several may be chosen from, a range `8000-8010`; missing: any free port. */
  published?: string;
  protocol?: string;
  app_protocol?: string;
}

export interface ServiceVolume {
  type: "bind" | "volume" | "tmpfs" | "cluster" | "npipe" | "image";
  /** Absolute path (bind), key of `project.volumes` (volume), image reference (image); missing: anonymous. */
  source?: string;
  target: string;
  read_only?: boolean;
  consistency?: string;
  bind?: { propagation?: string; create_host_path?: boolean; recursive?: string; selinux?: string };
  volume?: { labels?: StringMap; nocopy?: boolean; subpath?: string };
  tmpfs?: { size?: BytesText; mode?: number };
  image?: { subpath?: string };
}

/** A secret or config mounted as a file; `source` is a key of `project.secrets` or `project.configs`. */
export interface ServiceFile {
  source: string;
  /** Absolute for secrets; for configs missing means `/<source>`. */
  target?: string;
  uid?: string;
  gid?: string;
  mode?: ModeText;
}

export interface ServiceNetwork {
  aliases?: string[];
  driver_opts?: StringMap;
  gw_priority?: number;
  interface_name?: string;
  ipv4_address?: string;
  ipv6_address?: string;
  link_local_ips?: string[];
  mac_address?: string;
  priority?: number;
}

export interface HealthCheck {
  /** Begins with `CMD`, `CMD-SHELL` or `NONE`. */
  test?: string[];
  timeout?: DurationText;
  interval?: DurationText;
  retries?: number;
  start_period?: DurationText;
  start_interval?: DurationText;
  disable?: boolean;
}

/** One number for both limits, or the two. */
export type Ulimit = number | { soft?: number; hard?: number };

export interface BuildConfig {
  context?: string;
  dockerfile?: string;
  dockerfile_inline?: string;
  entitlements?: string[];
  /** null: the variable's value is taken from the environment, which had none. */
  args?: Record<string, string | null>;
  provenance?: string;
  sbom?: string;
  /** Id → path; null means the agent of `SSH_AUTH_SOCK`. */
  ssh?: Record<string, string | null>;
  labels?: StringMap;
  cache_from?: string[];
  cache_to?: string[];
  no_cache?: boolean;
  additional_contexts?: StringMap;
  pull?: boolean;
  /** `host=address` */
  extra_hosts?: string[];
  isolation?: string;
  network?: string;
  target?: string;
  secrets?: ServiceFile[];
  shm_size?: BytesText;
  tags?: string[];
  ulimits?: Record<string, Ulimit>;
  platforms?: string[];
  privileged?: boolean;
}

export interface DeviceRequest {
  capabilities?: string[];
  driver?: string;
  /** -1 is all. */
  count?: number;
  device_ids?: string[];
  options?: StringMap;
}

export interface Resource {
  /** Cores. */
  cpus?: number;
  memory?: BytesText;
  pids?: number;
  devices?: DeviceRequest[];
  generic_resources?: { discrete_resource_spec?: { kind?: string; value?: number } }[];
}

export interface UpdateConfig {
  parallelism?: number;
  delay?: DurationText;
  failure_action?: string;
  monitor?: DurationText;
  max_failure_ratio?: number;
  order?: string;
}

export interface DeployConfig {
  mode?: string;
  replicas?: number;
  labels?: StringMap;
  update_config?: UpdateConfig;
  rollback_config?: UpdateConfig;
  resources?: { limits?: Resource; reservations?: Resource };
  restart_policy?: { condition?: string; delay?: DurationText; max_attempts?: number; window?: DurationText };
  placement?: { constraints?: string[]; preferences?: { spread?: string }[]; max_replicas_per_node?: number };
  endpoint_mode?: string;
}

export interface ServiceHook {
  command?: string[];
  user?: string;
  privileged?: boolean;
  working_dir?: string;
  environment?: Record<string, string | null>;
}

export interface WatchTrigger {
  /** Absolute. */
  path: string;
  action: "sync" | "rebuild" | "restart" | "sync+restart" | "sync+exec";
  target?: string;
  exec?: ServiceHook;
  include?: string[];
  ignore?: string[];
  initial_sync?: boolean;
}

export interface ThrottleDevice {
  path?: string;
  rate?: BytesText;
}

export interface BlkioConfig {
  weight?: number;
  weight_device?: { path?: string; weight?: number }[];
  device_read_bps?: ThrottleDevice[];
  device_read_iops?: ThrottleDevice[];
  device_write_bps?: ThrottleDevice[];
  device_write_iops?: ThrottleDevice[];
}

export interface EnvFile {
  /** Absolute. */
  path: string;
  required: boolean;
  /** `raw`: values as they stand, no quotes and no variables. */
  format?: string;
}

export interface ServiceConfig {
  profiles?: string[];
  annotations?: StringMap;
  attach?: boolean;
  build?: BuildConfig;
  develop?: { watch?: WatchTrigger[] };
  blkio_config?: BlkioConfig;
  cap_add?: string[];
  cap_drop?: string[];
  cgroup_parent?: string;
  cgroup?: string;
  cpu_count?: number;
  cpu_percent?: number;
  cpu_period?: number;
  cpu_quota?: number;
  cpu_rt_period?: number;
  cpu_rt_runtime?: number;
  cpus?: number;
  cpuset?: string;
  cpu_shares?: number;
  /** `[]` clears the image's command; missing keeps it. */
  command?: string[];
  configs?: ServiceFile[];
  container_name?: string;
  credential_spec?: { config?: string; file?: string; registry?: string };
  depends_on?: Record<string, DependsOn>;
  deploy?: DeployConfig;
  device_cgroup_rules?: string[];
  devices?: { source?: string; target?: string; permissions?: string }[];
  dns?: string[];
  dns_opt?: string[];
  dns_search?: string[];
  domainname?: string;
  /** `[]` clears the image's entrypoint; missing keeps it. */
  entrypoint?: string[];
  provider?: { type?: string; options?: Record<string, string[]> };
  /** null: named without a value and not set where compose ran; such a variable is not passed on. */
  environment?: Record<string, string | null>;
  env_file?: EnvFile[];
  expose?: string[];
  external_links?: string[];
  /** `host=address`, sorted. */
  extra_hosts?: string[];
  group_add?: string[];
  gpus?: DeviceRequest[];
  hostname?: string;
  healthcheck?: HealthCheck;
  image?: string;
  init?: boolean;
  ipc?: string;
  isolation?: string;
  labels?: StringMap;
  /** Absolute paths; their labels are in `labels` already. */
  label_file?: string[];
  links?: string[];
  logging?: { driver?: string; options?: StringMap };
  mem_limit?: BytesText;
  mem_reservation?: BytesText;
  memswap_limit?: BytesText;
  /** A percentage. */
  mem_swappiness?: BytesText;
  mac_address?: string;
  models?: Record<string, { endpoint_var?: string; model_var?: string } | null>;
  network_mode?: string;
  /** Keys of `project.networks`; null when nothing more is said. */
  networks?: Record<string, ServiceNetwork | null>;
  oom_kill_disable?: boolean;
  oom_score_adj?: number;
  pid?: string;
  pids_limit?: number;
  platform?: string;
  ports?: ServicePort[];
  privileged?: boolean;
  pull_policy?: string;
  read_only?: boolean;
  restart?: string;
  runtime?: string;
  scale?: number;
  secrets?: ServiceFile[];
  security_opt?: string[];
  shm_size?: BytesText;
  stdin_open?: boolean;
  stop_grace_period?: DurationText;
  stop_signal?: string;
  storage_opt?: StringMap;
  sysctls?: StringMap;
  tmpfs?: string[];
  tty?: boolean;
  ulimits?: Record<string, Ulimit>;
  use_api_socket?: boolean;
  user?: string;
  userns_mode?: string;
  uts?: string;
  volumes?: ServiceVolume[];
  volumes_from?: string[];
  working_dir?: string;
  post_start?: ServiceHook[];
  pre_stop?: ServiceHook[];
}
