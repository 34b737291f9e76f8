/** `berth build --call`: what a Dockerfile says about itself, without building. */
import type { Cli } from "./cli.ts";
import { buildCall } from "./build-call.ts";
import type { BuildFlags } from "./build-call.ts";
import { openContext } from "./build-context.ts";

/** @returns the exit status: 1 when a check found something */
export async function runMethod(
  cli: Cli,
  { call, path, flags }: { call: string; path: string; flags: BuildFlags & { file: string } },
): Promise<number> {
  const [name = "", ...options] = call.split(",");
  const context = await openContext(cli, path, flags.file);
  const asked = await buildCall(cli, flags, { context, tags: [], auth: {} });
  const result = await (await cli.client()).builds.describe(name, { ...asked, signal: cli.signal });
  cli.out(options.includes("format=json") ? `${JSON.stringify(result.json, undefined, 2)}\n` : result.text);
  return result.status;
}
