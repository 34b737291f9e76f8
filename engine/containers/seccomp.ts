/**
 * Seccomp profiles: Docker's format with conditions (capabilities, architectures, kernel) resolved to the OCI runtime
 * spec's. The default profile is Moby's, see NOTICE in this folder.
 */
import { EngineError } from "../errors.ts";
import defaultProfile from "./seccomp-default.json" with { type: "json" };

interface Conditions {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

interface ProfileRule {
  names?: string[];
  name?: string;
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null;
  includes?: Conditions;
  excludes?: Conditions;
}

interface Profile {
  defaultAction: string;
  defaultErrnoRet?: number;
  archMap?: { architecture: string; subArchitectures: string[] | null }[];
  architectures?: string[];
  syscalls?: ProfileRule[];
}

export interface SeccompMachine {
  /** Node's `process.arch`. */
  readonly arch: string;
  /** `os.release()`. */
  readonly kernel: string;
}

const ARCHES: Readonly<Record<string, { name: string; seccomp: string }>> = {
  x64: { name: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  arm64: { name: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
  riscv64: { name: "riscv64", seccomp: "SCMP_ARCH_RISCV64" },
  ppc64: { name: "ppc64le", seccomp: "SCMP_ARCH_PPC64LE" },
  s390x: { name: "s390x", seccomp: "SCMP_ARCH_S390X" },
};

const resolved = new Map<string, Record<string, unknown>>();

/** Docker's default profile for a set of capabilities. The same object for the same set. */
export function defaultSeccomp(capabilities: readonly string[], machine: SeccompMachine): Record<string, unknown> {
  const key = [machine.arch, machine.kernel, ...capabilities.toSorted()].join(" ");
  const known = resolved.get(key);
  if (known) return known;
  const fresh = resolveSeccomp(defaultProfile as Profile, capabilities, machine);
  resolved.set(key, fresh);
  return fresh;
}

/** A profile that a user gave as text. @throws {EngineError} invalid when it is not a profile */
export function customSeccomp(text: string, capabilities: readonly string[], machine: SeccompMachine): Record<string, unknown> {
  let profile: Profile;
  try {
    profile = JSON.parse(text) as Profile;
  } catch (error) {
    throw new EngineError("invalid", `Decoding seccomp profile failed: ${(error as Error).message}`, { cause: error });
  }
  if (typeof profile?.defaultAction !== "string") throw new EngineError("invalid", "Decoding seccomp profile failed: no defaultAction");
  return resolveSeccomp(profile, capabilities, machine);
}

function resolveSeccomp(profile: Profile, capabilities: readonly string[], machine: SeccompMachine): Record<string, unknown> {
  const arch = ARCHES[machine.arch];
  const applies = (rule: ProfileRule): boolean =>
    includes(rule.includes, capabilities, arch?.name ?? "", machine.kernel) && !excludes(rule.excludes, capabilities, arch?.name ?? "");
  const mapped = profile.archMap?.find(({ architecture }) => architecture === arch?.seccomp);
  const architectures = profile.architectures ?? (mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : []);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length > 0 && { architectures }),
    syscalls: (profile.syscalls ?? []).filter(applies).map((rule) => ({
      names: rule.names ?? (rule.name ? [rule.name] : []),
      action: rule.action,
      ...(rule.errnoRet !== undefined && { errnoRet: rule.errnoRet }),
      ...(rule.args?.length && { args: rule.args }),
    })),
  };
}

function includes(when: Conditions | undefined, capabilities: readonly string[], arch: string, kernel: string): boolean {
  if (when?.arches?.length && !when.arches.includes(arch)) return false;
  if (when?.caps?.length && !when.caps.every((name) => capabilities.includes(name))) return false;
  return !when?.minKernel || compareVersions(kernel, when.minKernel) >= 0;
}

function excludes(when: Conditions | undefined, capabilities: readonly string[], arch: string): boolean {
  return Boolean(when?.arches?.includes(arch) || when?.caps?.some((name) => capabilities.includes(name)));
}

function compareVersions(left: string, right: string): number {
  const parts = (text: string): number[] => text.split(/[.-]/).slice(0, 2).map(Number);
  const [a, b] = [parts(left), parts(right)];
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0);
}
