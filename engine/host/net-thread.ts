/**
 * The engine's handle on its thread in R.
 */
import { Worker } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import type { NetAnswer } from "./net-worker.ts";
import type { Netns } from "./netns.ts";

/** Every method of Netns, asked of the thread; calls are done in the order they are made. */
export type NetThread = {
  readonly [Call in keyof Netns]: (...args: Parameters<Netns[Call]>) => Promise<ReturnType<Netns[Call]>>;
} & { close(): Promise<void> };

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const calls: readonly (keyof Netns)[] = [
  "links",
  "addresses",
  "bridge",
  "removeLink",
  "createSandbox",
  "removeSandbox",
  "connect",
  "disconnect",
  "reroute",
  "sweep",
  "rules",
  "hostNetwork",
  "vethUplink",
  "hostRoute",
  "removeHostRoute",
  "removeVethUplink",
];

/**
 * Starts the thread and moves it into the namespace of `path` (`/proc/<holder>/ns/net`).
 * The thread keeps the process alive only while a call is under way.
 * @throws {EngineError} internal, by each call, with the kernel's reason
 */
export async function startNetThread(path: string): Promise<NetThread> {
  const program = new URL(import.meta.url.endsWith(".ts") ? "./net-worker.ts" : "./net-worker.mjs", import.meta.url);
  const worker = new Worker(program, { workerData: { path }, resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 } });
  const waiting = new Map<number, Waiting>();
  let next = 1;
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (answer: NetAnswer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if ("error" in answer) caller?.reject(new EngineError("internal", answer.error.message, { cause: answer.error }));
    else caller?.resolve(answer.result);
  });
  worker.on("error", (error: Error) =>
    fail(new EngineError("internal", `Cannot use the private network namespace: ${error.message}`, { cause: error })),
  );
  worker.on("exit", () => fail(new EngineError("unavailable", "The engine's network thread has ended")));
  const ask = async (call: keyof Netns, argument: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = next++;
      worker.ref();
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, call, argument });
    });
  const methods = Object.fromEntries(calls.map((call) => [call, async (argument: unknown) => ask(call, argument)]));
  const thread = { ...methods, close: async () => void (await worker.terminate()) } as unknown as NetThread;
  await thread.links();
  return thread;
}
