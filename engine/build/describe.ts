/**
 * What a Dockerfile says about itself, as BuildKit's frontend answers: findings of the checks, the arguments and secrets
 * of a target, or the targets. Pure.
 */
import type { BuildDescription } from "../api/types/builds.ts";
import { EngineError } from "../errors.ts";
import { ruleUrl, rules } from "../syntax/dockerfile/checks/rules.ts";
import type { Finding } from "../syntax/dockerfile/checks/rules.ts";
import { parseMount } from "../syntax/dockerfile/mount.ts";
import type { Dockerfile, Instruction, Range } from "../syntax/dockerfile/tree.ts";
import { neededStages } from "./graph.ts";
import type { Graph } from "./graph.ts";

export interface Described {
  readonly name: string;
  readonly graph: Graph;
  readonly findings: readonly Finding[];
}

/** @param method `check` or `lint`, `outline`, `targets` @throws {EngineError} invalid for another */
export function describe(method: string, described: Described): BuildDescription {
  if (method === "check" || method === "lint") return lint(described);
  if (method === "outline") return outline(described);
  if (method === "targets") return targets(described);
  throw new EngineError("invalid", `unsupported call ${JSON.stringify(method)}: it is check, outline or targets`);
}

interface Location {
  readonly sourceIndex?: number;
  readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[];
}

function locationOf({ start, end }: Range): Location {
  return { ranges: [{ start: { line: start.line + 1 }, end: { line: end.line + 1 } }] };
}

function base64(dockerfile: Dockerfile): string {
  return Buffer.from(dockerfile.text).toString("base64");
}

function lint({ name, graph, findings }: Described): BuildDescription {
  const warnings = findings.map(({ rule, message, range }) => ({
    ruleName: rule,
    description: rules[rule].description,
    url: ruleUrl(rule),
    detail: message,
    location: locationOf(range),
  }));
  const sources = [{ filename: name, language: "Dockerfile", data: base64(graph.dockerfile) }];
  const count = findings.length === 1 ? "1 warning has been found" : `${findings.length} warnings have been found`;
  const head = findings.length === 0 ? "Check complete, no warnings found.\n" : `Check complete, ${count}!\n`;
  const text = findings.map((finding) => `\n${findingText(finding, name, graph.dockerfile)}`).join("");
  return { text: head + text, json: { warnings, sources }, status: findings.length > 0 ? 1 : 0 };
}

/** The finding with a box of the lines around it. */
function findingText({ rule, message, range }: Finding, name: string, { text }: Dockerfile): string {
  const lines = text.split("\n");
  const [first, last] = [Math.max(0, range.start.line - 2), Math.min(lines.length - 1, range.end.line + 2)];
  const box = lines.slice(first, last + 1).map((line, index) => {
    const at = first + index;
    const mark = at >= range.start.line && at <= range.end.line ? ">>>" : "   ";
    return `${String(at + 1).padStart(4)} | ${mark} ${line}`.trimEnd();
  });
  const rule80 = "-".repeat(20);
  return `WARNING: ${rule} - ${ruleUrl(rule)}\n${message}\n${name}:${range.start.line + 1}\n${rule80}\n${box.join("\n")}\n${rule80}\n`;
}

/** The text after `# NAME ` in the comment right above. */
function descriptionOf(instruction: Instruction, name: string): string | undefined {
  const comment = instruction.comments.findLast((line) => line.toLowerCase().startsWith(`${name.toLowerCase()} `));
  return comment?.slice(name.length + 1).trim();
}

function outline({ graph }: Described): BuildDescription {
  const { target, dockerfile } = graph;
  const stages = neededStages(graph);
  const instructions = [...dockerfile.globalArgs, ...stages.flatMap(({ stage }) => stage.instructions)];
  const args = new Map<string, { name: string; value?: string; description?: string; location: Location }>();
  for (const instruction of instructions) {
    if (instruction.kind !== "ARG") continue;
    for (const { key, value } of instruction.pairs) {
      const description = descriptionOf(instruction, key);
      const given = graph.options.buildArgs[key] ?? value ?? graph.globalArgs.get(key);
      const known = { name: key, ...(description && { description }), ...(given !== undefined && given !== null && { value: given }) };
      args.set(key, { ...known, location: locationOf(instruction.range) });
    }
  }
  const mounts = instructions.flatMap((instruction) =>
    instruction.kind === "RUN"
      ? instruction.mounts.flatMap((flag) => {
          const mount = parseMount(flag.value!);
          return "message" in mount ? [] : [{ mount, location: locationOf(instruction.range) }];
        })
      : [],
  );
  const named = (type: string) =>
    mounts
      .filter(({ mount }) => mount.type === type)
      .map(({ mount, location }) => ({
        name: mount.id ?? mount.source ?? (type === "ssh" ? "default" : (mount.target ?? "")),
        ...(mount.required && { required: true }),
        location,
      }));
  const caches = mounts.flatMap(({ mount, location }) =>
    mount.type === "cache" ? [{ ID: mount.id ?? mount.target ?? "", location }] : [],
  );
  const description = target.stage.name === undefined ? undefined : descriptionOf(target.stage.from, target.stage.name);
  const name = target.stage.name ?? "";
  const [secrets, ssh] = [named("secret"), named("ssh")];
  const json = {
    name,
    ...(description && { description }),
    args: [...args.values()],
    secrets,
    ssh,
    cache: caches,
    sources: [base64(dockerfile)],
  };
  const text = [
    ...(name === "" ? [] : [`TARGET:      ${name}\n`]),
    ...(description ? [`DESCRIPTION: ${description}\n`] : []),
    table(
      ["BUILD ARG", "VALUE", "DESCRIPTION"],
      [...args.values()].map((arg) => [arg.name, arg.value ?? "", arg.description ?? ""]),
    ),
    table(
      ["SECRET", "REQUIRED"],
      secrets.map((secret) => [secret.name, "required" in secret ? "true" : ""]),
    ),
    table(
      ["SSH", "REQUIRED"],
      ssh.map((each) => [each.name, "required" in each ? "true" : ""]),
    ),
  ];
  return { text: text.filter((part) => part !== "").join("\n"), json, status: 0 };
}

function targets({ graph }: Described): BuildDescription {
  const list = graph.stages.map(({ stage, base }) => {
    const description = stage.name === undefined ? undefined : descriptionOf(stage.from, stage.name);
    return {
      ...(stage.name !== undefined && { name: stage.name }),
      ...(stage.index === graph.target.index && { default: true }),
      ...(description && { description }),
      base: base.kind === "image" ? base.reference : stage.from.image.text,
      ...(stage.from.platform !== undefined && { platform: stage.from.platform }),
      location: locationOf(stage.from.range),
    };
  });
  const rows = list.flatMap(({ name, default: isDefault, description }) =>
    name === undefined && !isDefault ? [] : [[`${name ?? ""}${isDefault ? " (default)" : ""}`.trim(), description ?? ""]],
  );
  return { text: table(["TARGET", "DESCRIPTION"], rows), json: { targets: list, sources: [base64(graph.dockerfile)] }, status: 0 };
}

/** Columns with three blanks between them; nothing without rows. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)) + 3);
  return `${all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("")
        .trimEnd(),
    )
    .join("\n")}\n`;
}
