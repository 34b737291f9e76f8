/**
 * `develop.watch`: which files a trigger is about, and what a change of them means. Pure.
 */
import { posix } from "node:path";
import { IgnoreMatcher, parseDockerignore } from "../syntax/dockerignore.ts";
import type { WatchTrigger } from "./service.ts";

/** What editors and tools leave beside the files that are meant. */
const ALWAYS_IGNORED = [
  ".git",
  "**/.git",
  "**/*~",
  "**/.*.sw?",
  "**/4913",
  "**/.#*",
  "**/___jb_*___",
  "**/.DS_Store",
  "**/.idea",
  "**/___go_build_*",
];

/** Judges paths below one trigger's directory. */
export class TriggerFilter {
  readonly #ignored: IgnoreMatcher;
  readonly #included: IgnoreMatcher | undefined;

  /** @param ignoreFile text of the build context's .dockerignore, or empty */
  constructor(trigger: WatchTrigger, ignoreFile: string) {
    const lines = [...ALWAYS_IGNORED, ...ignoreFile.split("\n"), ...(trigger.ignore ?? [])];
    this.#ignored = matcher(lines);
    if (trigger.include?.length) this.#included = matcher(trigger.include);
  }

  /** @param below with slashes, relative to the trigger's path; empty for the path itself */
  takes(below: string): boolean {
    if (!this.enters(below)) return false;
    return below === "" || !this.#included || this.#included.excludedBy(below) !== undefined;
  }

  /** Whether something in this directory may be taken. */
  enters(below: string): boolean {
    return below === "" || !this.#ignored.excludedBy(below);
  }
}

function matcher(lines: readonly string[]): IgnoreMatcher {
  return new IgnoreMatcher(parseDockerignore(lines.join("\n")).patterns);
}

/** Where a changed file goes in the container. */
export function syncTarget(trigger: WatchTrigger, below: string): string {
  return below === "" ? (trigger.target ?? "/") : posix.join(trigger.target ?? "/", below);
}

/** Changes of one batch, by what has to be done: a rebuild makes every other action of its service needless. */
export interface Batch {
  readonly service: string;
  readonly rebuild: boolean;
  readonly restart: boolean;
  readonly syncs: readonly { readonly trigger: WatchTrigger; readonly below: string }[];
  readonly execs: readonly WatchTrigger[];
}

/** One change that a trigger is about. */
export interface Change {
  readonly service: string;
  readonly trigger: WatchTrigger;
  readonly below: string;
}

/** What changes mean, one batch a service. */
export function batchChanges(changes: readonly Change[]): Batch[] {
  return [...Map.groupBy(changes, ({ service }) => service)].map(([service, all]) => {
    const of = (...actions: readonly string[]): Change[] => all.filter(({ trigger }) => actions.includes(trigger.action));
    const rebuild = of("rebuild").length > 0;
    if (rebuild) return { service, rebuild, restart: false, syncs: [], execs: [] };
    const syncs = of("sync", "sync+restart", "sync+exec");
    const seen = new Set<string>();
    return {
      service,
      rebuild,
      restart: of("restart", "sync+restart").length > 0,
      syncs: syncs.filter(({ trigger, below }) => {
        const key = syncTarget(trigger, below);
        return !seen.has(key) && seen.add(key);
      }),
      execs: [...new Set(of("sync+exec").map(({ trigger }) => trigger))],
    };
  });
}
