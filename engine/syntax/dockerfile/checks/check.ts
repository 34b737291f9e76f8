/**
 * The build checks: what BuildKit warns of. Pure. `# check=skip=A,B;error=true` in the Dockerfile chooses.
 * @see https://docs.docker.com/build/checks/
 */
import type { IgnoreMatcher } from "../../dockerignore.ts";
import type { Dockerfile, Instruction } from "../tree.ts";
import { checkInstructions } from "./instructions.ts";
import { rules } from "./rules.ts";
import type { Finding, RuleName } from "./rules.ts";
import { checkStages } from "./stages.ts";
import { checkVariables } from "./variables.ts";
import type { BaseVariables } from "./variables.ts";

export interface CheckOptions {
  /** The context's .dockerignore. */
  readonly ignored?: IgnoreMatcher;
  /** Variables of base images; where they are not known, undefined variables are not reported. */
  readonly baseVariables?: BaseVariables;
  /** Also the checks that are off by default. */
  readonly experimental?: boolean;
}

export interface Checked {
  /** In the order of the file. */
  readonly findings: readonly Finding[];
  /** The Dockerfile asks for findings to fail the build. */
  readonly asError: boolean;
}

export interface CheckChoice {
  readonly skipAll: boolean;
  readonly skip: ReadonlySet<string>;
  readonly experimental: ReadonlySet<string> | "all";
  readonly asError: boolean;
}

/** Runs all checks that the Dockerfile does not skip. */
export function checkDockerfile(dockerfile: Dockerfile, options: CheckOptions = {}): Checked {
  const choice = readChoice(dockerfile.directives.find(({ name }) => name === "check")?.value ?? "");
  if ("message" in choice || choice.skipAll) return { findings: [], asError: false };
  const findings = [
    ...emptyContinuations(dockerfile),
    ...checkStages(dockerfile),
    ...checkInstructions(dockerfile, options.ignored),
    ...checkVariables(dockerfile, options.baseVariables ?? ((image) => (image === "scratch" ? [] : undefined))),
    ...descriptions(dockerfile),
  ].filter(({ rule }) => isOn(rule, choice, options.experimental === true));
  return { findings: findings.toSorted(byPlace), asError: choice.asError };
}

function isOn(rule: RuleName, choice: CheckChoice, experimental: boolean): boolean {
  if (choice.skip.has(rule)) return false;
  if (!("experimental" in rules[rule])) return true;
  return experimental || choice.experimental === "all" || choice.experimental.has(rule);
}

function byPlace(a: Finding, b: Finding): number {
  return a.range.start.line - b.range.start.line || a.range.start.character - b.range.start.character;
}

/** Reads `skip=…;error=…;experimental=…`; what is wrong comes back as BuildKit's sentence. */
export function readChoice(text: string): CheckChoice | { message: string } {
  const fields: Record<string, string> = {};
  for (const part of text.split(";").filter((piece) => piece.trim() !== "")) {
    const match = /^\s*(skip|error|experimental)\s*=\s*(.*?)\s*$/.exec(part);
    if (!match) return { message: `invalid check option ${JSON.stringify(part)}` };
    fields[match[1]!] = match[2]!;
  }
  const names = (value = ""): Set<string> => new Set(value.split(",").map((name) => name.trim()));
  if (fields["error"] !== undefined && !/^(1|0|t|f|true|false)$/i.test(fields["error"])) {
    return { message: `failed to parse check option ${JSON.stringify(`error=${fields["error"]}`)}` };
  }
  return {
    skipAll: fields["skip"] === "all",
    skip: names(fields["skip"]),
    experimental: fields["experimental"] === "all" ? "all" : names(fields["experimental"]),
    asError: /^(1|t|true)$/i.test(fields["error"] ?? ""),
  };
}

function emptyContinuations(dockerfile: Dockerfile): Finding[] {
  return dockerfile.problems
    .filter(({ message, severity }) => severity === "warning" && message === "Empty continuation line")
    .map(({ message, range }) => ({ rule: "NoEmptyContinuation", message, range }));
}

/** A comment right above a stage or an ARG describes it, and then begins with its name. */
function descriptions(dockerfile: Dockerfile): Finding[] {
  return dockerfile.instructions.flatMap((instruction) => {
    const [kind, names] = definitionOf(instruction);
    const comment = instruction.comments.at(-1);
    if (names.length === 0 || comment === undefined || names.some((name) => comment.toLowerCase().startsWith(`${name.toLowerCase()} `)))
      return [];
    const message = `Comment for ${kind} should follow the format: \`# ${names[0]} <description>\``;
    return [{ rule: "InvalidDefinitionDescription" as const, message, range: instruction.range }];
  });
}

function definitionOf(instruction: Instruction): [kind: string, names: string[]] {
  if (instruction.kind === "FROM") return ["build stage", instruction.stage === undefined ? [] : [instruction.stage]];
  return instruction.kind === "ARG" ? ["ARG", instruction.pairs.map(({ key }) => key)] : ["", []];
}
