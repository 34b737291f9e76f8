/** `--security-opt`. @see https://github.com/moby/moby/blob/v28.5.2/daemon/daemon_unix.go parseSecurityOpt */
import { arch, release } from "node:os";
import type { HostConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { customSeccomp, defaultSeccomp } from "./seccomp.ts";

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** "" is the default profile, `unconfined` none, else a profile's text. */
  readonly seccomp: string;
}

/** @throws {EngineError} invalid with Docker's sentence */
export function parseSecurityOptions(options: readonly string[] | null | undefined): SecurityOptions {
  let noNewPrivileges = false;
  let seccomp = "";
  for (const option of options ?? []) {
    if (option === "no-new-privileges") {
      noNewPrivileges = true;
      continue;
    }
    const separator = option.includes("=") ? "=" : ":";
    const at = option.indexOf(separator);
    const [key, value] = at < 0 ? [undefined, ""] : [option.slice(0, at), option.slice(at + 1)];
    switch (key) {
      case "no-new-privileges":
        noNewPrivileges = truth(option, value);
        break;
      case "writable-cgroups":
        truth(option, value);
        break;
      case "seccomp":
        seccomp = value === "builtin" ? "" : value;
        break;
      case "label":
      case "apparmor":
        // No labels and no AppArmor profiles are applied, so there is nothing to turn off.
        break;
      case undefined:
        throw new EngineError("invalid", `invalid --security-opt 1: "${option}"`);
      default:
        throw new EngineError("invalid", `invalid --security-opt 2: "${option}"`);
    }
  }
  return { noNewPrivileges, seccomp };
}

/** What Go's strconv.ParseBool takes. */
function truth(option: string, value: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new EngineError("invalid", `invalid --security-opt 2: ${JSON.stringify(option)}`);
}

/** The filter for a container; undefined when it runs without. */
export function seccompFor(hostConfig: HostConfig, capabilities: readonly string[]): Record<string, unknown> | undefined {
  const { seccomp } = parseSecurityOptions(hostConfig.SecurityOpt);
  if (seccomp === "unconfined" || (hostConfig.Privileged && seccomp === "")) return undefined;
  const machine = { arch: arch(), kernel: release() };
  return seccomp === "" ? defaultSeccomp(capabilities, machine) : customSeccomp(seccomp, capabilities, machine);
}
