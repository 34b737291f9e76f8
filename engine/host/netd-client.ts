/**
 * The engine's end of netd: finds the one that a former engine started, or starts one. The connection keeps the engine's
 * process alive only while a request is under way.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EngineError } from "../errors.ts";
import type { NetdHello, NetdMessage, NetdReply, NetdRequest } from "./netd/protocol.ts";
import { NETD_VERSION } from "./netd/protocol.ts";

export interface NetdOptions {
  /** The control socket. */
  readonly socket: string;
  /** R, as a path that can be entered. */
  readonly netns: string;
  /** The engine's short name: of what netd removes when it finds itself alone. */
  readonly name: string;
  /** File that gets what netd says on stderr. */
  readonly log: string;
}

/** netd could not do what was asked; `code` is the errno's name where the kernel said no. */
export class NetdError extends EngineError {
  readonly code: string;

  constructor(message: string, code: string) {
    super("internal", message);
    this.code = code;
  }
}

/** The code of a NetdError when there is no netd any more. */
export const NETD_ENDED = "ENETD";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Netd {
  /** Resolves when the connection is gone: netd was killed, or close() was called. */
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting: Map<number, Waiting>;
  #next = 1;
  #pid = 0;

  private constructor(socket: Socket, waiting: Map<number, Waiting>, gone: Promise<void>) {
    this.#socket = socket;
    this.#waiting = waiting;
    this.gone = gone;
  }

  get pid(): number {
    return this.#pid;
  }

  /** A living netd of this version, adopted or new. `adopted` says that it may hold ports and names already. */
  static async open(options: NetdOptions): Promise<{ netd: Netd; adopted: boolean }> {
    const found = await Netd.#connect(options.socket).catch(() => undefined);
    if (found && found.version === NETD_VERSION) return { netd: found.netd, adopted: true };
    if (found) {
      await found.netd.ask({ call: "exit" }).catch(() => undefined);
      await found.netd.gone;
    }
    await startNetd(options);
    return { netd: (await Netd.#connect(options.socket)).netd, adopted: false };
  }

  static async #connect(path: string): Promise<{ netd: Netd; version: number }> {
    const socket = connect(path);
    await once(socket, "connect");
    const waiting = new Map<number, Waiting>();
    const lines = createInterface({ input: socket }).on("line", (line) => {
      settle(waiting, JSON.parse(line) as NetdReply);
      if (waiting.size === 0) socket.unref();
    });
    // The interface repeats the socket's errors, and the socket's own end says all.
    lines.on("error", () => undefined);
    socket.on("error", () => socket.destroy());
    const gone = new Promise<void>((resolve) => {
      socket.once("close", () => {
        for (const { reject } of waiting.values()) reject(new NetdError("The network daemon has ended", NETD_ENDED));
        waiting.clear();
        resolve();
      });
    });
    const netd = new Netd(socket, waiting, gone);
    const { version, pid } = (await netd.ask({ call: "hello" })) as NetdHello;
    netd.#pid = pid;
    return { netd, version };
  }

  /**
   * @returns what the call answers; see NetdService.handle
   * @throws {NetdError}
   */
  ask(request: NetdRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new NetdError("The network daemon has ended", NETD_ENDED));
        return;
      }
      const id = this.#next++;
      this.#socket.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, request } satisfies NetdMessage)}\n`);
    });
  }

  /** Lets go of netd, which lives on. */
  close(): void {
    this.#socket.destroy();
  }
}

function settle(waiting: Map<number, Waiting>, reply: NetdReply): void {
  const caller = waiting.get(reply.id);
  waiting.delete(reply.id);
  if ("message" in reply) caller?.reject(new NetdError(reply.message, reply.code));
  else caller?.resolve(reply.result);
}

/** Small heaps: netd shuffles bytes, and a collector that waits for a big heap would let it grow to several times its need. */
const NODE_FLAGS = ["--max-semi-space-size=1", "--max-old-space-size=64", "--optimize-for-size"];

async function startNetd({ socket, netns, name, log }: NetdOptions): Promise<void> {
  const program = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./netd/main.ts" : "./netd.mjs", import.meta.url));
  const stderr = openSync(log, "a", 0o600);
  try {
    const env = { ...process.env, UV_THREADPOOL_SIZE: "1", MALLOC_ARENA_MAX: "2" };
    const child = spawn(process.execPath, [...NODE_FLAGS, program, socket, netns, name], {
      detached: true,
      cwd: "/",
      env,
      stdio: ["ignore", "pipe", stderr],
    });
    const stdout = child.stdout!;
    const ended = once(child, "exit").then(([code]) => {
      throw new EngineError("unavailable", `The network daemon ended with ${code}; its words are in ${log}`);
    });
    await Promise.race([once(stdout, "data"), ended]);
    ended.catch(() => undefined);
    stdout.destroy();
    child.unref();
  } finally {
    closeSync(stderr);
  }
}
