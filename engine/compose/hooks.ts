/**
 * Commands of a service's life: after its start, before its stop.
 */
import type { DockerClient } from "../client/client.ts";
import { environment } from "./config.ts";
import type { ServiceHook } from "./service.ts";

/** Gets what hooks print, as it comes. */
export type HookOutput = (container: string, data: Buffer) => void;

/** Runs hooks one after the other inside a container. @throws {Error} when one fails */
export async function runHooks(
  client: DockerClient,
  container: { readonly id: string; readonly name: string },
  hooks: readonly ServiceHook[],
  options: { output?: HookOutput | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  for (const hook of hooks) {
    const { command = [], user = "", privileged = false, working_dir: WorkingDir = "" } = hook;
    const config = {
      AttachStdout: true,
      AttachStderr: true,
      Cmd: command,
      User: user,
      Privileged: privileged,
      WorkingDir,
      Env: environment(hook),
    };
    const id = await client.execs.create(container.id, config, { signal: options.signal });
    const stream = await client.execs.start(id, {}, { signal: options.signal });
    stream.stdin.end();
    for await (const { data } of stream.frames()) options.output?.(container.name, data);
    const { ExitCode } = await client.execs.inspect(id, { signal: options.signal });
    if (ExitCode) throw new Error(`${container.name} hook exited with status ${ExitCode}`);
  }
}
