/** Checks that variables are declared before they are used. */
import { expand } from "../expand.ts";
import { closest } from "../problems.ts";
import type { Dockerfile, Instruction, Range, Stage, Transfer } from "../tree.ts";
import { baseOf } from "./instructions.ts";
import type { Finding } from "./rules.ts";

/** Names of the variables that a base image defines, or undefined when it is not known. */
export type BaseVariables = (image: string) => readonly string[] | undefined;

interface Use {
  readonly text: string;
  readonly range: Range;
  readonly skipQuotes?: true;
}

export function checkVariables(dockerfile: Dockerfile, base: BaseVariables): Finding[] {
  const known = new Map<number, ReadonlySet<string> | undefined>();
  return dockerfile.stages.flatMap((stage) => {
    const from = baseOf(stage, dockerfile);
    const names = from ? known.get(from.index) : variablesOf(base(stage.from.image.text));
    const result = names && checkStage(stage, new Set(names), dockerfile);
    known.set(stage.index, result?.names);
    return result?.findings ?? [];
  });
}

function variablesOf(names: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return names && new Set([...names, "PATH"]);
}

function checkStage(stage: Stage, names: Set<string>, dockerfile: Dockerfile): { names: ReadonlySet<string>; findings: Finding[] } {
  const findings: Finding[] = [];
  for (const instruction of stage.instructions) {
    for (const use of usesOf(instruction)) findings.push(...undefinedIn(use, names, dockerfile));
    if (instruction.kind === "ENV" || instruction.kind === "ARG") for (const { key } of instruction.pairs) names.add(key);
  }
  return { names, findings };
}

function undefinedIn(use: Use, names: ReadonlySet<string>, dockerfile: Dockerfile): Finding[] {
  const result = expand(use.text, new Map([...names].map((name) => [name, name])), {
    escape: use.skipQuotes ? "\\" : dockerfile.escape,
    ...(use.skipQuotes ? { skipQuotes: true } : {}),
  });
  if ("message" in result) return [];
  return [...result.missing].map((name) => {
    const guess = closest(name, [...names]);
    const message = `Usage of undefined variable '$${name}'${guess === undefined ? "" : ` (did you mean $${guess}?)`}`;
    return { rule: "UndefinedVar", message, range: use.range };
  });
}

/** The texts in which the builder expands variables; what a shell expands is the shell's business. */
function usesOf(instruction: Instruction): Use[] {
  switch (instruction.kind) {
    case "ENV":
    case "LABEL":
    case "ARG":
      return instruction.pairs.flatMap(({ key, value, range }) => [
        { text: key, range },
        ...(value === undefined ? [] : [{ text: value, range }]),
      ]);
    case "COPY":
    case "ADD":
      return transferUses(instruction);
    case "EXPOSE":
    case "VOLUME":
      return [...instruction.values];
    case "USER":
    case "WORKDIR":
    case "STOPSIGNAL":
      return [{ text: instruction.value, range: instruction.range }];
    case "RUN":
      return instruction.mounts.map((flag) => ({ text: flag.value!, range: flag.range }));
    default:
      return [];
  }
}

function transferUses(instruction: Transfer): Use[] {
  const flags = instruction.flags.filter((flag) => flag.value !== undefined && flag.name !== "from");
  return [
    ...instruction.sources,
    instruction.destination,
    ...flags.map((flag) => ({ text: flag.value!, range: flag.range })),
    ...instruction.inline
      .filter((heredoc) => heredoc.expand)
      .map((heredoc) => ({ text: heredoc.content, range: heredoc.contentRange, skipQuotes: true as const })),
  ];
}
