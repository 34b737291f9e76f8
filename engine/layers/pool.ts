/**
 * Layer workers: threads that work below a root of their own. Each does one job at a time, is kept for the next, and goes
 * away after some idle seconds, so that an idle engine stays small.
 */
import type { Readable } from "node:stream";
import { MessageChannel, Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import type { Job, Request, Response } from "./jobs.ts";
import { readFromPort, sendToPort } from "./ports.ts";

export interface JobOptions {
  /** Bytes for the job, e.g. an archive to unpack. */
  input?: Readable | undefined;
  signal?: AbortSignal | undefined;
  progress?: ((bytes: number) => void) | undefined;
}

interface Thread {
  readonly worker: Worker;
  /** The worker looks at it now and then: not 0 means stop. */
  readonly stop: Int32Array;
  retirement?: NodeJS.Timeout | undefined;
}

interface Running {
  readonly thread: Thread;
  readonly options: JobOptions;
  readonly done: (value: unknown) => void;
  readonly failed: (error: Error) => void;
}

const IDLE_MS = 5000;
const idle: Thread[] = [];
const running = new Map<number, Running>();
let lastId = 0;

/** In development the source beside this file, in a build the bundle beside the engine's. */
const program = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./layer-worker.mjs";

function newThread(): Thread {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(program, import.meta.url), {
    workerData: { stop },
    stdin: false,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const thread: Thread = { worker, stop };
  worker.on("message", (message: Response) => receive(message));
  worker.on("error", (error) => lost(thread, error));
  worker.on("exit", () => lost(thread, new EngineError("internal", "A layer worker ended unexpectedly")));
  return thread;
}

/** A worker never ends by itself, so what it was doing has failed. */
function lost(thread: Thread, error: Error): void {
  const at = idle.indexOf(thread);
  if (at >= 0) idle.splice(at, 1);
  for (const [id, job] of running)
    if (job.thread === thread) {
      running.delete(id);
      job.failed(error);
    }
}

function receive(message: Response): void {
  const job = running.get(message.id);
  if (!job) return;
  if ("progress" in message) return job.options.progress?.(message.progress);
  running.delete(message.id);
  retire(job.thread);
  if ("value" in message) job.done(message.value);
  else job.failed(job.options.signal?.aborted ? abortReason(job.options.signal) : asError(message.failure));
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

function asError({ kind, message, code }: { kind: string; message: string; code?: string }): Error {
  const error = new EngineError(kind as ErrorKind, message);
  return code === undefined ? error : Object.assign(error, { code });
}

function retire(thread: Thread): void {
  thread.worker.unref();
  thread.retirement = setTimeout(() => {
    const at = idle.indexOf(thread);
    if (at >= 0) idle.splice(at, 1);
    void thread.worker.terminate();
  }, IDLE_MS).unref();
  idle.push(thread);
}

function take(): Thread {
  const thread = idle.pop() ?? newThread();
  clearTimeout(thread.retirement);
  thread.worker.ref();
  Atomics.store(thread.stop, 0, 0);
  return thread;
}

/** Has a thread ready for a job that is sure to come soon: loading its program takes longer than most jobs. */
export function warmUp(): void {
  if (idle.length === 0) retire(newThread());
}

/** Runs one job and returns its result. A job that is aborted fails with the signal's reason, after the worker stopped. */
export function runJob<T>(job: Job, options: JobOptions = {}): Promise<T> {
  return start<T>(job, options, undefined);
}

/** Runs a job that writes a stream; `result` has what it returns. Destroying the stream stops the job. */
export function streamJob<T>(job: Job, options: JobOptions = {}): Readable & { result: Promise<T> } {
  const { port1, port2 } = new MessageChannel();
  const stop = new AbortController();
  const stream = readFromPort(port1, () => stop.abort());
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const result = start<T>(job, { ...options, signal }, port2);
  // Whoever reads the stream hears of a failure there; where nobody reads it any more, it must not end the engine.
  stream.on("error", () => undefined);
  result.catch((error: Error) => stream.destroy(error));
  return Object.assign(stream, { result });
}

async function start<T>(job: Job, options: JobOptions, output: MessagePort | undefined): Promise<T> {
  options.signal?.throwIfAborted();
  const thread = take();
  const id = ++lastId;
  const request: Request = { id, job };
  const transfer: MessagePort[] = [];
  if (output) transfer.push((request.output = output));
  let sender: { stop(error: Error): void } | undefined;
  if (options.input) {
    const { port1, port2 } = new MessageChannel();
    sender = sendToPort(options.input, port1);
    transfer.push((request.input = port2));
  }
  const abort = (): void => {
    Atomics.store(thread.stop, 0, 1);
    sender?.stop(abortReason(options.signal!));
  };
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise<T>((done, failed) => {
      running.set(id, { thread, options, done: done as (value: unknown) => void, failed });
      thread.worker.postMessage(request, transfer);
    });
  } catch (error) {
    options.input?.destroy();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", abort);
    sender?.stop(new Error("The job has ended"));
  }
}
