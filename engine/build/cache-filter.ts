/** Which entries of the build cache are meant, in BuildKit's words: `type==regular`, `id~=abc`, `inuse`. Pure. */
import { EngineError } from "../errors.ts";
import type { CacheEntry } from "./builder.ts";

type Test = (entry: CacheEntry) => boolean;

const FIELDS: Readonly<Record<string, (entry: CacheEntry) => string>> = {
  id: ({ id }) => id,
  type: ({ type }) => type,
  description: ({ description }) => description,
  inuse: ({ inUse }) => String(inUse),
  shared: ({ inUse }) => String(inUse),
  private: ({ inUse }) => String(!inUse),
  mutable: ({ type }) => String(type !== "regular"),
  immutable: ({ type }) => String(type === "regular"),
};

/** An entry is meant when it passes any of the filters, each of which is a list of conditions. @throws {EngineError} invalid */
export function cacheFilter(filters: readonly string[]): Test {
  const given = filters.filter((filter) => filter.trim() !== "");
  const tests = given.map((filter) => filter.split(",").map(readCondition));
  return (entry) => tests.length === 0 || tests.some((conditions) => conditions.every((holds) => holds(entry)));
}

function readCondition(text: string): Test {
  const [, name = "", operator = "", raw = ""] = /^\s*(\w+)\s*(?:(==|!=|~=)(.*))?$/s.exec(text) ?? [];
  const read = FIELDS[name];
  if (!read) throw new EngineError("invalid", `failed to parse cache filter ${JSON.stringify(text)}`);
  const value = raw.replace(/^"(.*)"$/, "$1");
  // Cut short, as the commands show ids.
  if (operator === "~=") return (entry) => read(entry).includes(value);
  const wanted = operator === "" ? "true" : value.replace(/^1$/, "true").replace(/^0$/, "false");
  return (entry) => (read(entry) === wanted || read(entry) === value) !== (operator === "!=");
}
