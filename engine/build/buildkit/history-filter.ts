/** `docker buildx history ls --filter`: which records are meant, in BuildKit's words. Pure. */
import type { BuildRecord } from "../builder.ts";
import { GrpcError, UNKNOWN } from "./grpc.ts";

type Test = (record: BuildRecord) => boolean;

/** BuildKit's name for how far a build has come. */
function statusOf({ status }: BuildRecord): string {
  return { running: "running", succeeded: "completed", failed: "error", canceled: "canceled" }[status];
}

const TEXTS: Readonly<Record<string, (record: BuildRecord) => string | undefined>> = {
  ref: ({ ref, id }) => ref ?? id,
  status: statusOf,
  repository: ({ frontendAttrs = {} }) => frontendAttrs["vcs:source"] ?? frontendAttrs["context"]?.split("#", 1)[0],
};

/** Moments in milliseconds since the epoch, or a length of time. */
const NUMBERS: Readonly<Record<string, (record: BuildRecord) => number | undefined>> = {
  startedAt: ({ startedMs }) => startedMs,
  completedAt: ({ endedMs }) => endedMs,
  duration: ({ startedMs, endedMs = Date.now() }) => endedMs - startedMs,
};

/** A record is meant when it passes any of the filters, each of which is a list of conditions. @throws {GrpcError} */
export function historyFilter(filters: readonly string[]): Test {
  const tests = filters.map((filter) => {
    const conditions = filter.split(",").map(parseCondition);
    return (record: BuildRecord): boolean => conditions.every((holds) => holds(record));
  });
  return (record) => tests.length === 0 || tests.some((test) => test(record));
}

function parseCondition(text: string): Test {
  const [, name = "", operator = "", value = ""] = /^\s*(\w+)\s*(?:(==|!=|~=|>=|<=|=|>|<)(.*))?$/s.exec(text) ?? [];
  const number = NUMBERS[name];
  if (number && operator !== "~=") return compare(number, operator, name === "duration" ? durationMs(value) : momentMs(value));
  const read = TEXTS[name];
  if (!read || /^[<>]/.test(operator)) throw new GrpcError(UNKNOWN, `failed to parse history filters ${text}`);
  const wanted = value.replace(/^"(.*)"$/, "$1");
  if (operator === "~=") return matching(read, wanted);
  return (record) => (operator === "" ? read(record) !== undefined : (read(record) === wanted) !== (operator === "!="));
}

function matching(read: (record: BuildRecord) => string | undefined, pattern: string): Test {
  try {
    const expression = new RegExp(pattern);
    return (record) => expression.test(read(record) ?? "");
  } catch {
    throw new GrpcError(UNKNOWN, `failed to parse history filters: ${pattern} is no regular expression`);
  }
}

function compare(read: (record: BuildRecord) => number | undefined, operator: string, wanted: number): Test {
  return (record) => {
    const value = read(record);
    if (value === undefined) return false;
    if (operator === ">" || operator === ">=") return value > wanted || (operator === ">=" && value === wanted);
    if (operator === "<" || operator === "<=") return value < wanted || (operator === "<=" && value === wanted);
    return (value === wanted) !== (operator === "!=");
  };
}

/** A date, or how long ago. @throws {GrpcError} */
function momentMs(text: string): number {
  const date = Date.parse(text);
  return Number.isNaN(date) ? Date.now() - durationMs(text) : date;
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 };

/** Go's `1h2m3.5s`. @throws {GrpcError} */
function durationMs(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text))
    throw new GrpcError(UNKNOWN, `failed to parse history filters: time ${text}`);
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) total += Number(count) * UNIT_MS[unit!]!;
  return total;
}
