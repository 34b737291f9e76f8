/** The API on a socket of its own, over any services, for tests that speak HTTP to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { createApiServer } from "../../engine/api/server.ts";
import type { Services } from "../../engine/api/services.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, parsed. */
  json(): unknown;
}

export interface Question {
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly body?: string | Buffer;
}

export interface ApiUnderTest {
  readonly socketPath: string;
  /** What the server logged: errors that no client was meant to cause. */
  readonly logged: unknown[];
  ask(method: string, path: string, question?: Question): Promise<Answer>;
  /** A bare connection, for hijacking and half-closing. */
  dial(): Socket;
  close(): Promise<void>;
}

export async function startApi(services: Services): Promise<ApiUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "berth-api-"));
  const socketPath = join(folder, "api.sock");
  const logged: unknown[] = [];
  const server = createApiServer(services, { log: (error) => logged.push(error) });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const dialed = new Set<Socket>();
  return {
    socketPath,
    logged,
    ask: (method, path, question = {}) => ask(socketPath, { method, path, ...question }),
    dial: () => {
      const socket = connect({ path: socketPath, allowHalfOpen: true });
      dialed.add(socket);
      return socket;
    },
    close: async () => {
      for (const socket of dialed) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ask(socketPath: string, question: Question & { method: string; path: string }): Promise<Answer> {
  const body = question.json === undefined ? question.body : JSON.stringify(question.json);
  const type = question.json === undefined ? {} : { "content-type": "application/json" };
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const { method, path } = question;
    const asked = request({ socketPath, method, path, headers: { ...type, ...length, ...question.headers }, agent: false }, (response) => {
      buffer(response).then((bytes) => {
        const text = bytes.toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) as unknown });
      }, reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
