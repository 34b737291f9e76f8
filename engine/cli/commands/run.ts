import type { ContainerCreateRequest } from "../../api/types/container.ts";
import { ClientError, ConnectionError } from "../../client/errors.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { checkPullMode, createContainer, withProxies } from "../create-container.ts";
import { describeError } from "../errors.ts";
import { bool, text } from "../flags.ts";
import { containerConfig } from "../run-config/container.ts";
import { CONTAINER_FLAGS, CREATE_FLAGS } from "../run-config/flags.ts";
import { NO_PROXY, proxySignals, runSession } from "../session.ts";
import { followSize } from "../terminal.ts";

export const run = command({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: [1, Infinity],
  interspersed: false,
  flags: {
    ...CONTAINER_FLAGS,
    ...CREATE_FLAGS,
    detach: bool("Run container in background and print container ID", { short: "d" }),
    "detach-keys": text("Override the key sequence for detaching a container"),
    pull: text('Pull image before running ("always", "missing", "never")', { initial: "missing" }),
    rm: bool("Automatically remove the container and its associated anonymous volumes when it exits"),
    "sig-proxy": bool("Proxy received signals to the process", { initial: true }),
  },
  async run(cli, { args, flags, given }) {
    try {
      checkPullMode(flags.pull);
      const config = await withProxies(cli, await containerConfig({ flags, given, args, autoRemove: flags.rm }, cli));
      if (flags.detach) return await runDetached(cli, config, flags);
      return await runAttached(cli, config, flags);
    } catch (error) {
      throw runFailure(error);
    }
  },
});

type RunFlags = Parameters<typeof createContainer>[2] & {
  readonly attach: readonly string[];
  readonly "detach-keys": string;
  readonly "sig-proxy": boolean;
};

async function runDetached(cli: Cli, config: ContainerCreateRequest, flags: RunFlags): Promise<number> {
  if (flags.attach.length > 0) throw new ExitError(1, "conflicting options: cannot specify both --attach and --detach");
  const detached = { ...config, AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false };
  const id = await createContainer(cli, detached, flags);
  const client = await cli.client();
  // Printed first: who asked for it wants to know the container also when it cannot be started.
  cli.print(id);
  await startOrFail(() => client.containers.start(id, { signal: cli.signal }));
  return 0;
}

async function runAttached(cli: Cli, config: ContainerCreateRequest, flags: RunFlags): Promise<number> {
  const { AttachStdin: stdin = false, Tty: tty = false } = config;
  if (stdin && tty && !cli.stdin.isTTY) throw new ExitError(1, "the input device is not a TTY");
  const detachKeys = flags["detach-keys"] || ((await cli.settings()).file.detachKeys ?? "");
  const id = await createContainer(cli, config, flags);
  return startAttached(cli, id, config, { detachKeys, sigProxy: flags["sig-proxy"] });
}

/** Starts a container that has been made, in the foreground. @returns its exit status, 0 when the user let go of it */
export async function startAttached(
  cli: Cli,
  id: string,
  config: ContainerCreateRequest,
  options: { detachKeys: string; sigProxy: boolean },
): Promise<number> {
  const { AttachStdin: stdin = false, AttachStdout: stdout = false, AttachStderr: stderr = false, Tty: tty = false } = config;
  const { detachKeys } = options;
  const client = await cli.client();
  const signals = options.sigProxy ? await proxySignals(cli, id) : NO_PROXY;
  try {
    const attached = await client.containers
      .attach(id, { stdin, stdout, stderr, detachKeys: detachKeys || undefined, tty })
      .catch((error: unknown) => {
        // What cannot be attached to is no failed start.
        throw error instanceof ClientError ? new ExitError(1, describeError(error)) : error;
      });
    const session = runSession(cli, attached, { stdin, stdout, stderr, tty, detachKeys });
    const waiting = await client.containers.startWaiting(id, { condition: config.HostConfig?.AutoRemove ? "removed" : "next-exit" });
    await startOrFail(() => client.containers.start(id));
    signals.started();
    const stopFollowing = tty ? followSize(cli.stdout, (size) => client.containers.resize(id, size)) : () => {};
    const end = await Promise.race([session, aborted(cli.signal)]);
    stopFollowing();
    if (end === "detached") return 0;
    const { StatusCode, Error: failure } = await waiting.exit;
    if (failure) throw new Error(failure.Message);
    return StatusCode;
  } finally {
    signals.stop();
  }
}

/** Rejects when the user ends a command that does not hand its signals on. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}

/** A container that cannot be started has the exit status that a shell would give its command. */
async function startOrFail(start: () => Promise<unknown>): Promise<void> {
  try {
    await start();
  } catch (error) {
    throw error instanceof ClientError ? withHelp(describeError(error), startStatus(error.message)) : error;
  }
}

function startStatus(message: string): number {
  const has = (...parts: string[]): boolean => parts.some((part) => message.includes(part));
  if (has("executable file not found", "no such file or directory", "system cannot find the file specified")) return 127;
  if (has("permission denied", "is a directory")) return 126;
  return 125;
}

function runFailure(error: unknown): Error {
  if (error instanceof ExitError || error instanceof ConnectionError)
    return error instanceof ExitError ? error : withHelp(error.message, 125);
  const message = describeError(error);
  return withHelp(message, message.startsWith("failed to create the container ID file") ? startStatus(message) : 125);
}

function withHelp(message: string, code: number): ExitError {
  return new ExitError(code, `berth: ${message}\n\nRun 'berth run --help' for more information`);
}
