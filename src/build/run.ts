/** A build, wherever its engine is: our own reads the folder where it lies, every other one is sent it. */
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { say as sayCommand } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { BuildLines } from "./lines.ts";
import type { Step } from "./lines.ts";

export interface BuildTarget {
  /** The build context. */
  readonly directory: string;
  /** Path inside it. */
  readonly dockerfile: string;
  /** Name and tag of the image; only shown where there is a `text`, whose image gets no name. */
  readonly name: string;
  /** What the Dockerfile says, instead of what is on the disk. */
  readonly text?: string;
  readonly target?: string | undefined;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** One, or several with commas. */
  readonly platform?: string | undefined;
  readonly noCache?: boolean;
  /** Ask registries for newer base images. */
  readonly pull?: boolean;
}

/** Who hears of a build. */
export interface BuildListener {
  readonly signal: AbortSignal;
  /** Text for a terminal, with `\r\n`. */
  readonly say: (text: string) => void;
  /** A step begins. */
  readonly step?: (step: Step) => void;
}

/** The Dockerfile, or what it does, is wrong; the terminal has been told. */
export class BuildFailure extends Error {
  /** Where it is written, from 1. */
  readonly line: number | undefined;

  constructor(message: string, line: number | undefined) {
    super(message);
    this.name = "BuildFailure";
    this.line = line;
  }
}

/** Builds and tags. @throws {BuildFailure} of the build itself; other errors of the way to the engine, AbortError among them */
export async function runBuild(context: Context, target: BuildTarget, { signal, say, step }: BuildListener): Promise<BuildLines> {
  const lines = new BuildLines();
  if (target.text === undefined) sayCommand(context, buildWords(target));
  let told: Step | undefined;
  try {
    for await (const message of messages(context, target, signal)) {
      say(lines.push(message));
      if (!lines.step || lines.step.number === told?.number) continue;
      told = lines.step;
      step?.(told);
    }
  } catch (error) {
    say(lines.finish());
    signal.throwIfAborted();
    const message = (error as Error).message;
    const written = lineIn(message);
    if (written === undefined) throw error;
    say(`\x1b[31m${message.replaceAll("\n", "\r\n")}\x1b[39m\r\n`);
    throw new BuildFailure(message, written);
  }
  say(lines.finish());
  if (lines.error !== undefined)
    throw new BuildFailure(lines.error, lineIn(lines.error) ?? (await failedLine(context, { target, told, build: lines.buildId })));
  return lines;
}

/** What one would type behind `berth`. */
export function buildWords({ directory, dockerfile, name, target, buildArgs = {}, platform, noCache, pull }: BuildTarget): string[] {
  const args = Object.entries(buildArgs).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  const file = dockerfile === "Dockerfile" ? [] : ["--file", isAbsolute(dockerfile) ? dockerfile : join(directory, dockerfile)];
  return [
    "build",
    "--tag",
    name,
    ...file,
    ...(target ? ["--target", target] : []),
    ...args,
    ...(platform ? ["--platform", platform] : []),
    ...(noCache ? ["--no-cache"] : []),
    ...(pull ? ["--pull"] : []),
    directory,
  ];
}

async function* messages(context: Context, build: BuildTarget, signal: AbortSignal): AsyncGenerator<JsonMessage> {
  const { directory, dockerfile, name, text, target, buildArgs = {}, platform, noCache = false, pull = false } = build;
  const client = await context.engine.client();
  const common = {
    dockerfile,
    tags: text === undefined ? [name] : [],
    buildArgs,
    auth: await context.accounts.all(),
    noCache,
    pull,
    signal,
    ...(platform ? { platform } : {}),
  };
  if (context.engine.own) {
    const call = { ...common, contextDir: directory, ...(text === undefined ? {} : { text }), ...(target ? { target } : {}) };
    for await (const event of client.builds.run(call)) yield { aux: { "berth.progress": event } };
    return;
  }
  const { packContext } = await import("./context.ts");
  const sent = packContext(directory, dockerfile, text);
  yield* client.builds.build({ ...common, context: sent, contextName: directory, target, exactProgress: true });
}

/** A sentence about the text itself says its line. */
function lineIn(message: string): number | undefined {
  const line = /^dockerfile parse error (?:on )?line (\d+)/.exec(message)?.[1];
  return line === undefined ? undefined : Number(line);
}

/** Where the step that failed is written; our own engine remembers, of another one its number tells. */
async function failedLine({ engine }: Context, { target, told, build }: Failed): Promise<number | undefined> {
  if (build === undefined) return told && stepLine(target, told);
  const record = await engine.runningClient?.buildRecords.get(build).catch(() => undefined);
  return record?.steps.find(({ error }) => error !== undefined)?.range?.startLine;
}

interface Failed {
  readonly target: BuildTarget;
  readonly told: Step | undefined;
  readonly build: string | undefined;
}

/** Other engines count all instructions. */
async function stepLine({ directory, dockerfile, text }: BuildTarget, { number, instruction }: Step): Promise<number | undefined> {
  const { parseDockerfile } = await import("../../engine/syntax/dockerfile/parse.ts");
  const path = isAbsolute(dockerfile) ? dockerfile : join(directory, dockerfile);
  const { instructions } = parseDockerfile(text ?? (await readFile(path, "utf8")));
  // Podman counts those of each stage.
  const same = instructions.filter(({ original }) => original.trim() === instruction.trim());
  const found = same.length === 1 ? same[0] : instructions[number - 1];
  const isIt = found?.name.toUpperCase() === instruction.split(" ", 1)[0]!.toUpperCase();
  return isIt ? found.range.start.line + 1 : undefined;
}
