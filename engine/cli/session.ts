/**
 * A container's streams on this process's streams, for run, start, attach and exec.
 */
import type { AttachedStream } from "../client/exec.ts";
import { drained } from "../client/streams.ts";
import type { Cli } from "./cli.ts";
import { KeyWatcher, rawMode, readKeys } from "./terminal.ts";

export interface SessionOptions {
  /** Sends this process's stdin. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The container has a terminal, and ours is switched to raw. */
  readonly tty: boolean;
  /** Empty for the usual ones. */
  readonly detachKeys: string;
}

/** How a session ended: the container's output did, or the user let go. */
export type SessionEnd = "closed" | "detached";

/** Copies both ways until the container's output ends or the detach keys are typed. The terminal is restored. */
export async function runSession(cli: Cli, attached: AttachedStream, options: SessionOptions): Promise<SessionEnd> {
  const restore = options.stdin && options.tty ? await rawMode(cli.stdin) : () => {};
  const input = startInput(cli, attached, options);
  try {
    const output = attached.copyTo({
      stdout: options.stdout ? cli.stdout : undefined,
      stderr: options.stderr ? cli.stderr : undefined,
    });
    const ended = output.then((): SessionEnd => "closed");
    return await Promise.race([ended, input.detached]);
  } finally {
    restore();
    input.stop();
    attached.close();
  }
}

interface InputCopy {
  /** Resolves when the detach keys were typed; else never. */
  readonly detached: Promise<SessionEnd>;
  stop(): void;
}

function startInput({ stdin }: Cli, attached: AttachedStream, options: SessionOptions): InputCopy {
  // What the container no longer reads is no failure of ours.
  attached.stdin.on("error", () => {});
  if (!options.stdin) {
    attached.stdin.end();
    return { detached: new Promise(() => {}), stop: () => {} };
  }
  const watcher = options.tty ? new KeyWatcher(readKeys(options.detachKeys)) : undefined;
  let end: (how: SessionEnd) => void = () => {};
  const detached = new Promise<SessionEnd>((resolve) => (end = resolve));
  const onData = (chunk: Buffer): void => {
    const { data, detached: leaving } = watcher ? watcher.feed(Buffer.from(chunk)) : { data: chunk, detached: false };
    if (data.length > 0 && !attached.stdin.write(data)) {
      stdin.pause();
      void drained(attached.stdin).then(() => stdin.resume());
    }
    if (leaving) end("detached");
  };
  const onEnd = (): void => void attached.stdin.end();
  stdin.on("data", onData).once("end", onEnd).once("error", onEnd);
  const stop = (): void => {
    stdin.off("data", onData).off("end", onEnd).off("error", onEnd).pause();
  };
  return { detached, stop };
}

export interface SignalProxy {
  /** The container runs: signals that came before go to it now, later ones at once. */
  started(): void;
  stop(): void;
}

/** Hands this process's signals to a container. */
export async function proxySignals(cli: Cli, container: string): Promise<SignalProxy> {
  const client = await cli.client();
  const early: NodeJS.Signals[] = [];
  let running = false;
  // A container that has ended cannot be told any more.
  const send = (killSignal: NodeJS.Signals): void => void client.containers.kill(container, { killSignal }).catch(() => {});
  const stop = cli.signals.take((name) => (running ? send(name) : void early.push(name)));
  const started = (): void => {
    running = true;
    for (const name of early.splice(0)) send(name);
  };
  return { started, stop };
}

/** For a container that gets no signals. */
export const NO_PROXY: SignalProxy = { started() {}, stop() {} };
