/**
 * What dockerd 28.5.2 answered to the docker command, compose and curl, recorded on a wire between them. Ids, times and sizes
 * are as they came.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonMessage } from "../../engine/api/types/image.ts";

export interface RecordedAnswer {
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface RecordedError {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly message: string;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/dockerd", name), "utf8"));
}

const answers = read("answers.json") as Record<string, RecordedAnswer[]>;

/** Answers of one endpoint, e.g. `GET /containers/{id}/json`, no two of one shape. */
export function recordedAnswers(endpoint: string): readonly RecordedAnswer[] {
  const found = answers[endpoint];
  if (!found) throw new Error(`Nothing is recorded for ${endpoint}`);
  return found;
}

export const recordedErrors = read("errors.json") as readonly RecordedError[];

/** Messages of classic builds, by what was built. */
export const recordedBuilds = read("builds.json") as Readonly<Record<string, readonly JsonMessage[]>>;

/** One event of each kind. */
export const recordedEvents = read("events.json") as readonly Record<string, unknown>[];
