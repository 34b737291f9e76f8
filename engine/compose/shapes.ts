/**
 * The fields of every part of a project, in the order in which docker compose prints them. One table decides
 * how a model's value is read (`decode.ts`), and how it is printed as JSON and YAML (`print.ts`); the hash of a
 * service is taken over that JSON, so an order or a flag here decides whether a container is recreated.
 */

/** How a value is read and kept. Those with a structure behind them name its shape. */
export type Kind =
  | "string"
  | "boolean"
  | "integer"
  | "float32"
  | "texts"
  | "map"
  | "nullableMap"
  | "options"
  | "duration"
  | "bytes"
  | "mode"
  | "command"
  | "healthTest"
  | "hosts"
  | "ssh"
  | "envFiles"
  | "ulimits"
  | "count"
  | { one: Shape }
  | { list: Shape }
  | { map: Shape };

export interface Field {
  name: string;
  kind: Kind;
  /** Printed also when it is 0, false or empty, once it was said. */
  pointer?: boolean;
  /** Printed always: JSON and YAML know no "not said". */
  always?: boolean;
  /** JSON's name where it differs. */
  json?: string;
}

export type Shape = readonly Field[];

function fields(table: Readonly<Record<string, Kind | Omit<Field, "name">>>): Shape {
  return Object.entries(table).map(([name, entry]) =>
    typeof entry === "object" && "kind" in entry ? { name, ...entry } : { name, kind: entry },
  );
}

const pointer = (kind: Kind): Omit<Field, "name"> => ({ kind, pointer: true });
const always = (kind: Kind, json?: string): Omit<Field, "name"> => ({ kind, always: true, ...(json ? { json } : {}) });

const HOOK = fields({
  command: "command",
  user: "string",
  privileged: "boolean",
  working_dir: "string",
  environment: "nullableMap",
});

const FILE_REFERENCE = fields({ source: "string", target: "string", uid: "string", gid: "string", mode: pointer("mode") });

const DEVICE_REQUEST = fields({
  capabilities: "texts",
  driver: "string",
  count: "count",
  device_ids: "texts",
  options: "map",
});

const BUILD = fields({
  context: "string",
  dockerfile: "string",
  dockerfile_inline: "string",
  entitlements: "texts",
  args: "nullableMap",
  provenance: "string",
  sbom: "string",
  ssh: "ssh",
  labels: "map",
  cache_from: "texts",
  cache_to: "texts",
  no_cache: "boolean",
  additional_contexts: "map",
  pull: "boolean",
  extra_hosts: "hosts",
  isolation: "string",
  network: "string",
  target: "string",
  secrets: { list: FILE_REFERENCE },
  shm_size: "bytes",
  tags: "texts",
  ulimits: "ulimits",
  platforms: "texts",
  privileged: "boolean",
});

const TRIGGER = fields({
  path: always("string"),
  action: always("string"),
  target: "string",
  exec: { one: HOOK },
  include: "texts",
  ignore: "texts",
  initial_sync: "boolean",
});

const THROTTLE = fields({ path: always("string", "Path"), rate: always("bytes", "Rate") });

const BLKIO = fields({
  weight: "integer",
  weight_device: { list: fields({ path: always("string", "Path"), weight: always("integer", "Weight") }) },
  device_read_bps: { list: THROTTLE },
  device_read_iops: { list: THROTTLE },
  device_write_bps: { list: THROTTLE },
  device_write_iops: { list: THROTTLE },
});

const UPDATE = fields({
  parallelism: pointer("integer"),
  delay: "duration",
  failure_action: "string",
  monitor: "duration",
  max_failure_ratio: "float32",
  order: "string",
});

const RESOURCE = fields({
  cpus: "float32",
  memory: "bytes",
  pids: "integer",
  devices: { list: DEVICE_REQUEST },
  generic_resources: {
    list: fields({ discrete_resource_spec: pointer({ one: fields({ kind: always("string"), value: always("integer") }) }) }),
  },
});

const DEPLOY = fields({
  mode: "string",
  replicas: pointer("integer"),
  labels: "map",
  update_config: pointer({ one: UPDATE }),
  rollback_config: pointer({ one: UPDATE }),
  resources: { one: fields({ limits: pointer({ one: RESOURCE }), reservations: pointer({ one: RESOURCE }) }) },
  restart_policy: pointer({
    one: fields({
      condition: "string",
      delay: pointer("duration"),
      max_attempts: pointer("integer"),
      window: pointer("duration"),
    }),
  }),
  placement: {
    one: fields({
      constraints: "texts",
      preferences: { list: fields({ spread: "string" }) },
      max_replicas_per_node: "integer",
    }),
  },
  endpoint_mode: "string",
});

const NETWORK_OF_SERVICE = fields({
  aliases: "texts",
  driver_opts: "map",
  gw_priority: "integer",
  interface_name: "string",
  ipv4_address: "string",
  ipv6_address: "string",
  link_local_ips: "texts",
  mac_address: "string",
  priority: "integer",
});

const PORT = fields({
  name: "string",
  mode: "string",
  host_ip: "string",
  target: "integer",
  published: "string",
  protocol: "string",
  app_protocol: "string",
});

const VOLUME_OF_SERVICE = fields({
  type: "string",
  source: "string",
  target: "string",
  read_only: "boolean",
  consistency: "string",
  bind: pointer({
    one: fields({ selinux: "string", propagation: "string", create_host_path: "boolean", recursive: "string" }),
  }),
  volume: pointer({ one: fields({ labels: "map", nocopy: "boolean", subpath: "string" }) }),
  tmpfs: pointer({ one: fields({ size: "bytes", mode: "integer" }) }),
  image: pointer({ one: fields({ subpath: "string" }) }),
});

const HEALTHCHECK = fields({
  test: "healthTest",
  timeout: pointer("duration"),
  interval: pointer("duration"),
  retries: pointer("integer"),
  start_period: pointer("duration"),
  start_interval: pointer("duration"),
  disable: "boolean",
});

/** A service. */
export const SERVICE: Shape = fields({
  profiles: "texts",
  annotations: "map",
  attach: pointer("boolean"),
  build: pointer({ one: BUILD }),
  develop: pointer({ one: fields({ watch: { list: TRIGGER } }) }),
  blkio_config: pointer({ one: BLKIO }),
  cap_add: "texts",
  cap_drop: "texts",
  cgroup_parent: "string",
  cgroup: "string",
  cpu_count: "integer",
  cpu_percent: "float32",
  cpu_period: "integer",
  cpu_quota: "integer",
  cpu_rt_period: "integer",
  cpu_rt_runtime: "integer",
  cpus: "float32",
  cpuset: "string",
  cpu_shares: "integer",
  command: "command",
  configs: { list: FILE_REFERENCE },
  container_name: "string",
  credential_spec: pointer({ one: fields({ config: "string", file: "string", registry: "string" }) }),
  depends_on: { map: fields({ condition: "string", restart: "boolean", required: always("boolean") }) },
  deploy: pointer({ one: DEPLOY }),
  device_cgroup_rules: "texts",
  devices: { list: fields({ source: "string", target: "string", permissions: "string" }) },
  dns: "texts",
  dns_opt: "texts",
  dns_search: "texts",
  dockerfile: "string",
  domainname: "string",
  entrypoint: "command",
  provider: pointer({ one: fields({ type: "string", options: "options" }) }),
  environment: "nullableMap",
  env_file: "envFiles",
  expose: "texts",
  external_links: "texts",
  extra_hosts: "hosts",
  group_add: "texts",
  gpus: { list: DEVICE_REQUEST },
  hostname: "string",
  healthcheck: pointer({ one: HEALTHCHECK }),
  image: "string",
  init: pointer("boolean"),
  ipc: "string",
  isolation: "string",
  labels: "map",
  label_file: "texts",
  links: "texts",
  logging: pointer({ one: fields({ driver: "string", options: "map" }) }),
  log_driver: "string",
  log_opt: "map",
  mem_limit: "bytes",
  mem_reservation: "bytes",
  memswap_limit: "bytes",
  mem_swappiness: "bytes",
  mac_address: "string",
  models: { map: fields({ endpoint_var: "string", model_var: "string" }) },
  net: "string",
  network_mode: "string",
  networks: { map: NETWORK_OF_SERVICE },
  oom_kill_disable: "boolean",
  oom_score_adj: "integer",
  pid: "string",
  pids_limit: "integer",
  platform: "string",
  ports: { list: PORT },
  privileged: "boolean",
  pull_policy: "string",
  read_only: "boolean",
  restart: "string",
  runtime: "string",
  scale: pointer("integer"),
  secrets: { list: FILE_REFERENCE },
  security_opt: "texts",
  shm_size: "bytes",
  stdin_open: "boolean",
  stop_grace_period: pointer("duration"),
  stop_signal: "string",
  storage_opt: "map",
  sysctls: "map",
  tmpfs: "texts",
  tty: "boolean",
  ulimits: "ulimits",
  use_api_socket: "boolean",
  user: "string",
  userns_mode: "string",
  uts: "string",
  volume_driver: "string",
  volumes: { list: VOLUME_OF_SERVICE },
  volumes_from: "texts",
  working_dir: "string",
  post_start: { list: HOOK },
  pre_stop: { list: HOOK },
});

/** A network of the project. */
export const NETWORK: Shape = fields({
  name: "string",
  driver: "string",
  driver_opts: "map",
  ipam: {
    one: fields({
      driver: "string",
      config: { list: fields({ subnet: "string", gateway: "string", ip_range: "string", aux_addresses: "map" }) },
    }),
  },
  external: "boolean",
  internal: "boolean",
  attachable: "boolean",
  labels: "map",
  enable_ipv4: pointer("boolean"),
  enable_ipv6: pointer("boolean"),
});

/** A volume of the project. */
export const VOLUME: Shape = fields({
  name: "string",
  driver: "string",
  driver_opts: "map",
  external: "boolean",
  labels: "map",
});

/** A secret or config of the project. */
export const FILE_OBJECT: Shape = fields({
  name: "string",
  file: "string",
  environment: "string",
  content: "string",
  external: "boolean",
  labels: "map",
  driver: "string",
  driver_opts: "map",
  template_driver: "string",
});

/** A model of the project. */
export const MODEL: Shape = fields({
  name: "string",
  model: "string",
  context_size: "integer",
  runtime_flags: "texts",
});
