/** Flags of `docker build` that BuildKit takes and ignores; buildx has them, unseen, and so has berth. */
import { bool, list, text } from "./flags.ts";

const NO_EFFECT = "Has no effect on builds";

export const IGNORED_FLAGS = {
  compress: bool(NO_EFFECT, { hidden: true }),
  "cpu-period": text(NO_EFFECT, { hidden: true }),
  "cpu-quota": text(NO_EFFECT, { hidden: true }),
  "cpu-shares": text(NO_EFFECT, { hidden: true, short: "c" }),
  "cpuset-cpus": text(NO_EFFECT, { hidden: true }),
  "cpuset-mems": text(NO_EFFECT, { hidden: true }),
  debug: bool(NO_EFFECT, { hidden: true, short: "D" }),
  isolation: text(NO_EFFECT, { hidden: true }),
  memory: text(NO_EFFECT, { hidden: true, short: "m" }),
  "memory-swap": text(NO_EFFECT, { hidden: true }),
  "security-opt": list(NO_EFFECT, { hidden: true }),
  squash: bool(NO_EFFECT, { hidden: true }),
};

type Ignored = Partial<Readonly<Record<keyof typeof IGNORED_FLAGS, string | boolean | readonly string[]>>>;

/** What changes nothing is said, so that nobody counts on it. */
export function ignoredWarnings(flags: Ignored): string[] {
  const given = (Object.keys(IGNORED_FLAGS) as (keyof Ignored)[]).filter((name) => name !== "debug" && String(flags[name] || "") !== "");
  return given.map((name) => `WARNING: --${name} has no effect on builds`);
}
