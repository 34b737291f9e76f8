/**
 * The flags that `run` and `create` share: what a container is.
 */
import { bool, bytes, cpus, duration, int, list, map, swapBytes, text } from "../flags.ts";
import type { FlagValues } from "../flags.ts";
import { checkAddress, checkLabel, checkLink, checkSearchDomain, checkStream, readExtraHost } from "./checks.ts";
import { checkDeviceRule, checkSysctl, readByteRate, readGpus, readOperationRate, readUlimit, readWeightDevice } from "./limits.ts";
import { readMount } from "./mounts.ts";
import { readNetwork } from "./networks.ts";
import { checkEnvironment } from "./text.ts";

/** One flag a line, in docker's words. */
export const CONTAINER_FLAGS = {
  "add-host": list("Add a custom host-to-IP mapping (host:ip)", { check: (value) => void readExtraHost(value) }),
  annotation: map("Add an annotation to the container (passed through to the OCI runtime)"),
  attach: list("Attach to STDIN, STDOUT or STDERR", { short: "a", check: checkStream }),
  "blkio-weight": int("Block IO (relative weight), between 10 and 1000, or 0 to disable", {
    type: "uint16",
    defaultText: "0",
  }),
  "blkio-weight-device": list("Block IO weight (relative device weight)", {
    defaultText: "[]",
    check: (value) => void readWeightDevice(value),
  }),
  "cap-add": list("Add Linux capabilities"),
  "cap-drop": list("Drop Linux capabilities"),
  "cgroup-parent": text("Optional parent cgroup for the container"),
  cgroupns: text(
    "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
  ),
  cidfile: text("Write the container ID to the file"),
  "cpu-period": int("Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": int("Limit CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-rt-period": int("Limit CPU real-time period in microseconds"),
  "cpu-rt-runtime": int("Limit CPU real-time runtime in microseconds"),
  "cpu-shares": int("CPU shares (relative weight)", { short: "c" }),
  cpus: cpus("Number of CPUs"),
  "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
  device: list("Add a host device to the container"),
  "device-cgroup-rule": list("Add a rule to the cgroup allowed devices list", { check: checkDeviceRule }),
  "device-read-bps": list("Limit read rate (bytes per second) from a device", {
    defaultText: "[]",
    check: (value) => void readByteRate(value),
  }),
  "device-read-iops": list("Limit read rate (IO per second) from a device", {
    defaultText: "[]",
    check: (value) => void readOperationRate(value),
  }),
  "device-write-bps": list("Limit write rate (bytes per second) to a device", {
    defaultText: "[]",
    check: (value) => void readByteRate(value),
  }),
  "device-write-iops": list("Limit write rate (IO per second) to a device", {
    defaultText: "[]",
    check: (value) => void readOperationRate(value),
  }),
  dns: list("Set custom DNS servers", { check: checkAddress }),
  "dns-option": list("Set DNS options", { alias: "dns-opt" }),
  "dns-search": list("Set custom DNS search domains", { check: checkSearchDomain }),
  domainname: text("Container NIS domain name"),
  entrypoint: text("Overwrite the default ENTRYPOINT of the image"),
  env: list("Set environment variables", { short: "e", check: checkEnvironment }),
  "env-file": list("Read in a file of environment variables"),
  expose: list("Expose a port or a range of ports"),
  gpus: text("GPU devices to add to the container ('all' to pass all GPUs)", {
    type: "gpu-request",
    check: (value) => void readGpus(value),
  }),
  "group-add": list("Add additional groups to join"),
  "health-cmd": text("Command to run to check health"),
  "health-interval": duration("Time between running the check (ms|s|m|h)", { defaultText: "0s" }),
  "health-retries": int("Consecutive failures needed to report unhealthy"),
  "health-start-interval": duration("Time between running the check during the start period (ms|s|m|h)", { defaultText: "0s" }),
  "health-start-period": duration("Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)", {
    defaultText: "0s",
  }),
  "health-timeout": duration("Maximum time to allow one check to run (ms|s|m|h)", { defaultText: "0s" }),
  hostname: text("Container host name", { short: "h" }),
  init: bool("Run an init inside the container that forwards signals and reaps processes"),
  interactive: bool("Keep STDIN open even if not attached", { short: "i" }),
  ip: text("IPv4 address (e.g., 172.30.100.104)"),
  ip6: text("IPv6 address (e.g., 2001:db8::33)"),
  ipc: text("IPC mode to use"),
  isolation: text("Container isolation technology"),
  "kernel-memory": bytes("Kernel memory limit", { hidden: true }),
  label: list("Set meta data on a container", { short: "l", check: checkLabel }),
  "label-file": list("Read in a line delimited file of labels"),
  link: list("Add link to another container", { check: checkLink }),
  "link-local-ip": list("Container IPv4/IPv6 link-local addresses"),
  "log-driver": text("Logging driver for the container"),
  "log-opt": list("Log driver options"),
  "mac-address": text("Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  memory: bytes("Memory limit", { short: "m" }),
  "memory-reservation": bytes("Memory soft limit"),
  "memory-swap": swapBytes("Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
  "memory-swappiness": int("Tune container memory swappiness (0 to 100)", { defaultText: "-1" }),
  mount: list("Attach a filesystem mount to the container", { type: "mount", check: (value) => void readMount(value, "/") }),
  network: list("Connect a container to a network", { type: "network", check: (value) => void readNetwork(value), alias: "net" }),
  "network-alias": list("Add network-scoped alias for the container", { alias: "net-alias" }),
  "no-healthcheck": bool("Disable any container-specified HEALTHCHECK"),
  "oom-kill-disable": bool("Disable OOM Killer"),
  "oom-score-adj": int("Tune host's OOM preferences (-1000 to 1000)"),
  pid: text("PID namespace to use"),
  "pids-limit": int("Tune container pids limit (set -1 for unlimited)"),
  privileged: bool("Give extended privileges to this container"),
  publish: list("Publish a container's port(s) to the host", { short: "p" }),
  "publish-all": bool("Publish all exposed ports to random ports", { short: "P" }),
  "read-only": bool("Mount the container's root filesystem as read only"),
  restart: text("Restart policy to apply when a container exits", { initial: "no" }),
  runtime: text("Runtime to use for this container"),
  "security-opt": list("Security Options"),
  "shm-size": bytes("Size of /dev/shm"),
  "stop-signal": text("Signal to stop the container"),
  "stop-timeout": int("Timeout (in seconds) to stop a container"),
  "storage-opt": list("Storage driver options for the container"),
  sysctl: map("Sysctl options", { check: checkSysctl }),
  tmpfs: list("Mount a tmpfs directory"),
  tty: bool("Allocate a pseudo-TTY", { short: "t" }),
  ulimit: list("Ulimit options", { type: "ulimit", defaultText: "[]", check: (value) => void readUlimit(value) }),
  user: text("Username or UID (format: <name|uid>[:<group|gid>])", { short: "u" }),
  userns: text("User namespace to use"),
  uts: text("UTS namespace to use"),
  volume: list("Bind mount a volume", { short: "v" }),
  "volume-driver": text("Optional volume driver for the container"),
  "volumes-from": list("Mount volumes from the specified container(s)"),
  workdir: text("Working directory inside the container", { short: "w" }),
};

export type ContainerFlags = FlagValues<typeof CONTAINER_FLAGS>;

/** Flags of getting the image and making the container. */
export const CREATE_FLAGS = {
  "disable-content-trust": bool("Skip image verification", { initial: true }),
  name: text("Assign a name to the container"),
  platform: text("Set platform if server is multi-platform capable"),
  quiet: bool("Suppress the pull output", { short: "q" }),
  "use-api-socket": bool("Bind mount Docker API socket and required auth"),
};
