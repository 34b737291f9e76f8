/** Which flags an instruction knows, and their values read once. */
import { unknownFlag } from "./problems.ts";
import type { Flag } from "./tree.ts";

type FlagType = "text" | "texts" | "switch";

/** Flags of each instruction; `exclude` and `mount` may be given several times. */
export const instructionFlags: Readonly<Record<string, Readonly<Record<string, FlagType>>>> = {
  FROM: { platform: "text" },
  RUN: { mount: "texts", network: "text", security: "text", device: "texts" },
  COPY: { from: "text", chown: "text", chmod: "text", link: "switch", parents: "switch", exclude: "texts" },
  ADD: {
    chown: "text",
    chmod: "text",
    link: "switch",
    exclude: "texts",
    checksum: "text",
    "keep-git-dir": "switch",
    unpack: "switch",
  },
  HEALTHCHECK: { interval: "text", timeout: "text", "start-period": "text", "start-interval": "text", retries: "text" },
};

/** Read access to checked flags. */
export class FlagValues {
  readonly #flags: readonly Flag[];

  constructor(flags: readonly Flag[]) {
    this.#flags = flags;
  }

  flag(name: string): Flag | undefined {
    return this.#flags.find((flag) => flag.name === name);
  }

  text(name: string): string | undefined {
    return this.flag(name)?.value;
  }

  all(name: string): Flag[] {
    return this.#flags.filter((flag) => flag.name === name);
  }

  /** undefined when the switch is not given. */
  switch(name: string): boolean | undefined {
    const flag = this.flag(name);
    return flag && flag.value?.toLowerCase() !== "false";
  }
}

/** The first thing that is wrong with the flags of `keyword`, as a message and the flag it is about. */
export function flagProblem(keyword: string, flags: readonly Flag[]): { message: string; flag: Flag } | undefined {
  const known = instructionFlags[keyword] ?? {};
  const seen = new Set<string>();
  for (const flag of flags) {
    const type = known[flag.name];
    if (type === undefined) return { message: unknownFlag(flag.name, Object.keys(known)), flag };
    if (seen.has(flag.name) && type !== "texts") return { message: `duplicate flag specified: --${flag.name}`, flag };
    seen.add(flag.name);
    const message = valueProblem(flag, type);
    if (message !== undefined) return { message, flag };
  }
  return undefined;
}

function valueProblem(flag: Flag, type: FlagType): string | undefined {
  if (type !== "switch") return flag.value === undefined ? `missing a value on flag: --${flag.name}` : undefined;
  if (flag.value === "") return `missing a value on flag: --${flag.name}`;
  if (flag.value === undefined || /^(true|false)$/i.test(flag.value)) return undefined;
  return `expecting boolean value for flag --${flag.name}, not: ${flag.value}`;
}
