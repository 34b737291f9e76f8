/** Linux capabilities of a container, as `--cap-add`, `--cap-drop` and `--privileged` mean them. */
import { EngineError } from "../errors.ts";

/** In the kernel's order: the place in the list is the bit. */
export const ALL_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** @see https://github.com/moby/moby/blob/v28.5.2/oci/caps/defaults.go */
export const DEFAULT_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
] as const;

/** The capabilities in a mask as /proc/PID/status writes it, e.g. `000001fffeffffff`. */
export function capabilitiesOfMask(mask: string): Set<string> {
  const bits = BigInt(`0x${mask.trim() || "0"}`);
  return new Set(ALL_CAPABILITIES.filter((_, bit) => (bits >> BigInt(bit)) & 1n));
}

/** `cap_chown`, `CHOWN` and `CAP_CHOWN` are the same. @throws {EngineError} invalid */
function normalize(names: readonly string[], field: "CapAdd" | "CapDrop"): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!(ALL_CAPABILITIES as readonly string[]).includes(full))
      throw new EngineError("invalid", `invalid ${field}: unknown capability: "${full}"`);
    return full;
  });
}

/**
 * The capability set of a container.
 * @param available what the engine itself may hand on; anything else is left out, as the kernel would
 * @throws {EngineError} invalid with Docker's sentence for an unknown name
 * @see https://github.com/moby/moby/blob/v28.5.2/oci/caps/utils.go
 */
export function resolveCapabilities(
  options: { add?: readonly string[] | null; drop?: readonly string[] | null; privileged: boolean },
  available: ReadonlySet<string>,
): string[] {
  const add = normalize(options.add ?? [], "CapAdd");
  const drop = normalize(options.drop ?? [], "CapDrop");
  return wanted(add, drop, options.privileged).filter((name) => available.has(name));
}

function wanted(add: readonly string[], drop: readonly string[], privileged: boolean): string[] {
  if (privileged) return [...ALL_CAPABILITIES];
  if (add.includes("ALL")) return ALL_CAPABILITIES.filter((name) => !drop.includes(name));
  const base = drop.includes("ALL") ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name));
  return [...new Set([...base, ...add])];
}
