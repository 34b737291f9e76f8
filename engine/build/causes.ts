/** Why a step ran, in words. Pure. */
import type { BuildCause } from "../api/types/builds.ts";

const MOST_NAMED = 3;

/** What a person is told: the first few causes, and how many more there are. */
export function sentenceOf(causes: readonly BuildCause[]): string {
  const named = causes.slice(0, MOST_NAMED).map(phraseOf);
  const more = causes.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

const fixed: Partial<Record<BuildCause["kind"], string>> = {
  first: "it was not built before",
  evicted: "nothing changed, but the cache has no result of it",
  "no-cache": "the cache is switched off",
};

function phraseOf({ kind, name = "", change, step }: BuildCause): string {
  const words = fixed[kind];
  if (words !== undefined) return words;
  if (kind === "unknown") return name || "what it depends on is not known yet";
  if (kind === "instruction") return change === "new" ? "the instruction is new" : "the instruction changed";
  if (kind === "base") return name === "" ? "the base image changed" : `the base image ${JSON.stringify(name)} changed`;
  if (kind === "parent") return step === undefined || name === "" ? "the step before it changed" : `the step before it changed: ${name}`;
  return kind === "file" ? filePhrase(JSON.stringify(name), change) : `${subjectOf(kind, name)} ${happened(change)}`;
}

function filePhrase(name: string, change: BuildCause["change"]): string {
  if (change === "mode" || change === "owner" || change === "type") return `the ${change} of ${name} changed`;
  return `file ${name} ${happened(change)}`;
}

function subjectOf(kind: BuildCause["kind"], name: string): string {
  if (kind === "argument" || kind === "variable" || kind === "secret") return `${kind} ${JSON.stringify(name)}`;
  return kind === "mount" ? `the mount ${name}` : name;
}

function happened(change: BuildCause["change"]): string {
  return change === "new" || change === "gone" ? `is ${change}` : "changed";
}
