/**
 * The thread of the engine that lives in R: receives `{id, call, argument}`, answers `{id, result}` or `{id, error}`.
 * Its calls are the methods of Netns.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Netns } from "./netns.ts";

export interface NetRequest {
  readonly id: number;
  readonly call: keyof Netns;
  readonly argument: unknown;
}

export type NetAnswer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: NetFailure };

export interface NetFailure {
  readonly message: string;
  /** The errno's name, empty when it was no kernel call that failed. */
  readonly code: string;
}

function failureOf(error: unknown): NetFailure {
  if (!(error instanceof Error)) return { message: String(error), code: "" };
  return { message: error.message, code: "code" in error ? String(error.code) : "" };
}

const port = parentPort;
if (port) {
  const netns = new Netns((workerData as { path: string }).path);
  port.on("message", ({ id, call, argument }: NetRequest) => {
    try {
      const method = netns[call] as (argument: unknown) => unknown;
      port.postMessage({ id, result: method.call(netns, argument) } satisfies NetAnswer);
    } catch (error) {
      port.postMessage({ id, error: failureOf(error) } satisfies NetAnswer);
    }
  });
}
