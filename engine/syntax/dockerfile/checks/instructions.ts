/** Checks of single instructions and of those of one stage together. */
import type { IgnoreMatcher } from "../../dockerignore.ts";
import { cleanPattern } from "../../dockerignore.ts";
import type { Dockerfile, Instruction, Stage, Transfer } from "../tree.ts";
import type { Finding } from "./rules.ts";

export function checkInstructions(dockerfile: Dockerfile, ignored: IgnoreMatcher | undefined): Finding[] {
  return [
    ...casing(dockerfile.instructions),
    ...dockerfile.stages.flatMap((stage) => [...repeated(stage), ...relativeWorkdir(stage, dockerfile), ...shellForms(stage)]),
    ...dockerfile.instructions.flatMap((instruction) => single(instruction, ignored)),
  ];
}

/** Global ARGs are not counted, as in BuildKit. */
function casing(instructions: readonly Instruction[]): Finding[] {
  const first = instructions.findIndex((instruction) => instruction.kind === "FROM");
  const counted = instructions.slice(Math.max(first, 0)).filter((instruction) => instruction.kind !== "INVALID");
  const lower = counted.filter(({ name }) => name === name.toLowerCase()).length;
  const upper = counted.filter(({ name }) => name === name.toUpperCase()).length;
  const [wanted, word] = lower > upper ? ["toLowerCase" as const, "lowercase"] : ["toUpperCase" as const, "uppercase"];
  return counted
    .filter(({ name }) => name !== name[wanted]())
    .map(({ name, nameRange }) => ({
      rule: "ConsistentInstructionCasing",
      message: `Command '${name}' should match the case of the command majority (${word})`,
      range: nameRange,
    }));
}

/** The earlier one is reported, because it is the one without effect. */
function repeated({ instructions }: Stage): Finding[] {
  return (["CMD", "ENTRYPOINT", "HEALTHCHECK"] as const).flatMap((kind) =>
    instructions
      .filter((instruction) => instruction.kind === kind)
      .slice(0, -1)
      .map(({ name, range }) => ({
        rule: "MultipleInstructionsDisallowed" as const,
        message: `Multiple ${name} instructions should not be used in the same stage because only the last one will be used`,
        range,
      })),
  );
}

/** Only the first WORKDIR of a stage and of those that it begins with. */
function relativeWorkdir(stage: Stage, dockerfile: Dockerfile): Finding[] {
  const workdir = stage.instructions.find((instruction) => instruction.kind === "WORKDIR");
  if (workdir?.kind !== "WORKDIR" || /^[/$]/.test(workdir.value) || setsWorkdir(baseOf(stage, dockerfile), dockerfile)) return [];
  const message = `Relative workdir ${JSON.stringify(workdir.value)} can have unexpected results if the base image changes`;
  return [{ rule: "WorkdirRelativePath", message, range: workdir.range }];
}

function setsWorkdir(stage: Stage | undefined, dockerfile: Dockerfile): boolean {
  if (!stage) return false;
  return stage.instructions.some(({ kind }) => kind === "WORKDIR") || setsWorkdir(baseOf(stage, dockerfile), dockerfile);
}

/** The stage of this file that a stage begins with. */
export function baseOf(stage: Stage, dockerfile: Dockerfile): Stage | undefined {
  const name = stage.from.image.text.toLowerCase();
  return dockerfile.stages.slice(0, stage.index).findLast((other) => other.name === name);
}

/** With a SHELL of its own a stage has said that it means the shell form. */
function shellForms({ instructions }: Stage): Finding[] {
  const findings: Finding[] = [];
  for (const instruction of instructions) {
    if (instruction.kind === "SHELL") return findings;
    if ((instruction.kind !== "CMD" && instruction.kind !== "ENTRYPOINT") || !instruction.command.shell) continue;
    const message = `JSON arguments recommended for ${instruction.name.toUpperCase()} to prevent unintended behavior related to OS signals`;
    findings.push({ rule: "JSONArgsRecommended", message, range: instruction.range });
  }
  return findings;
}

function single(instruction: Instruction, ignored: IgnoreMatcher | undefined): Finding[] {
  switch (instruction.kind) {
    case "MAINTAINER":
      return [
        { rule: "MaintainerDeprecated", message: "Maintainer instruction is deprecated in favor of using label", range: instruction.range },
      ];
    case "ENV":
    case "LABEL":
    case "ARG":
      return instruction.pairs.flatMap(({ key, legacy, range }) => [
        ...(legacy ? [legacyFormat(instruction.kind, range)] : []),
        ...(instruction.kind !== "LABEL" && isSecret(key) ? [secret(instruction.kind, key, range)] : []),
      ]);
    case "EXPOSE":
      return instruction.values.flatMap(({ text, range }) => exposed(text, range));
    case "COPY":
    case "ADD":
      return ignored && instruction.from === undefined ? copyIgnored(instruction, ignored) : [];
    default:
      return [];
  }
}

function legacyFormat(kind: string, range: Finding["range"]): Finding {
  const message = `"${kind} key=value" should be used instead of legacy "${kind} key value" format`;
  return { rule: "LegacyKeyValueFormat", message, range };
}

const secretWords = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function isSecret(key: string): boolean {
  return secretWords.test(key) && !harmless.test(key);
}

function secret(kind: string, key: string, range: Finding["range"]): Finding {
  const message = `Do not use ARG or ENV instructions for sensitive data (${kind} ${JSON.stringify(key)})`;
  return { rule: "SecretsUsedInArgOrEnv", message, range };
}

function exposed(text: string, range: Finding["range"]): Finding[] {
  const findings: Finding[] = [];
  const protocol = text.split("/")[1];
  if (protocol !== undefined && !protocol.includes("$") && protocol !== protocol.toLowerCase()) {
    findings.push({ rule: "ExposeProtoCasing", message: `Defined protocol '${text}' in EXPOSE instruction should be lowercase`, range });
  }
  if (text.replaceAll(/\$\{[^}]*\}/g, "").includes(":")) {
    const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`;
    findings.push({ rule: "ExposeInvalidFormat", message, range });
  }
  return findings;
}

/** With negations in .dockerignore a directory that is excluded may still hold what is copied, so nothing is said. */
function copyIgnored(instruction: Transfer, ignored: IgnoreMatcher): Finding[] {
  if (ignored.hasExceptions) return [];
  return instruction.sources.flatMap(({ text, range }) => {
    const path = cleanPattern(text);
    if (/^https?:\/\//.test(text) || text.includes("$") || path === "." || !ignored.excludedBy(path)) return [];
    const verb = instruction.kind === "ADD" ? "Add" : "Copy";
    return [
      {
        rule: "CopyIgnoredFile" as const,
        message: `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`,
        range,
      },
    ];
  });
}
