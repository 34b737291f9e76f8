/** What is wrong with a build's flags, in buildx's words, before anything is done. */
import { isIP } from "node:net";
import { ExitError } from "./cli.ts";

export interface CheckedFlags {
  readonly "add-host": readonly string[];
  readonly allow: readonly string[];
  readonly "build-arg": readonly string[];
  readonly label: readonly string[];
  readonly "no-cache": boolean;
  readonly "no-cache-filter": readonly string[];
  readonly ulimit: readonly string[];
}

/** @throws {Error} */
export async function checkBuildFlags(flags: CheckedFlags): Promise<void> {
  for (const host of flags["add-host"]) if (!isHost(host)) throw new Error(`invalid host ${host}`);
  for (const name of flags.allow)
    if (!/^(?:network\.host|security\.insecure|device(?:=.*)?)$/.test(name)) throw new Error(`unknown entitlement ${name}`);
  for (const pair of [...flags["build-arg"], ...flags.label])
    if (pair.startsWith("=")) throw new Error(`invalid key-value pair ${JSON.stringify(pair)}: empty key`);
  if (flags["no-cache"] && flags["no-cache-filter"].length > 0)
    throw new Error("--no-cache and --no-cache-filter cannot currently be used together");
  if (flags.ulimit.length > 0) await checkUlimits(flags.ulimit);
}

/** `name=address` or `name:address`; brackets around an address are allowed. */
function isHost(text: string): boolean {
  const [, name = "", address = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? /^([^:]*):(.*)$/s.exec(text) ?? [];
  return name !== "" && (address === "host-gateway" || isIP(address.replace(/^\[(.+)\]$/, "$1")) !== 0);
}

async function checkUlimits(texts: readonly string[]): Promise<void> {
  const { readUlimit } = await import("./run-config/limits.ts");
  for (const text of texts)
    try {
      readUlimit(text);
    } catch (error) {
      throw new ExitError(125, `invalid argument ${JSON.stringify(text)} for "--ulimit" flag: ${(error as Error).message}`);
    }
}
