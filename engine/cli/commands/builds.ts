/** `berth builds`: what builds did, each step opened, and what a build would run. Of Berth's own engine. */
import { isAbsolute, relative, resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import { readFile } from "node:fs/promises";
import type { BuildRecord, PredictedStep, StepRecord } from "../../api/types/builds.ts";
import { command, ExitError, forEach } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { ellipsis, FORMAT_HELP, formatRows, formatValue } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, list, text } from "../flags.ts";
import { indentJson } from "../json-text.ts";
import { checkEnvironment } from "../run-config/text.ts";
import { runSession } from "../session.ts";
import { followSize } from "../terminal.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";
import { buildArgs } from "../build-args.ts";
import { namedContexts } from "../build-call.ts";
import { readSecrets } from "../build-secrets.ts";

const HEADERS = {
  ID: "BUILD ID",
  Status: "STATUS",
  Created: "CREATED",
  Duration: "DURATION",
  Steps: "STEPS",
  Tags: "TAGS",
  Context: "CONTEXT",
  Step: "STEP",
  Line: "LINE",
  Result: "RESULT",
  Time: "TIME",
  Size: "SIZE",
  Instruction: "INSTRUCTION",
  Reason: "REASON",
};

export const buildsLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    format: text(FORMAT_HELP),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only show build IDs", { short: "q" }),
  },
  async run(cli, { flags }) {
    const records = await (await cli.client()).buildRecords.list({ signal: cli.signal });
    const rows = records.map((record) => buildRow(record, { now: cli.now(), full: flags["no-trunc"] }));
    const table = flags.quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Status}}\t{{.Created}}\t{{.Duration}}\t{{.Steps}}\t{{.Tags}}\t{{.Context}}";
    cli.out(formatRows(rows, { format: flags.format, table, headers: HEADERS }));
  },
});

function buildRow(record: BuildRecord, { now, full }: { now: number; full: boolean }): Row {
  const { id, status, startedMs, endedMs = now, tags, contextName, name = contextName, steps } = record;
  const doing = steps.filter(isDoing);
  return {
    ID: full ? id : id.slice(0, 12),
    Status: status,
    Created: `${humanDuration(now - startedMs)} ago`,
    Duration: seconds(endedMs - startedMs),
    Steps: `${doing.filter(({ cached }) => cached).length}/${doing.length} cached`,
    Tags: tags.join(","),
    Context: full ? name : ellipsis(name, 40),
  };
}

export const buildsInspect = command({
  usage: "[OPTIONS] [BUILD]",
  about: "Show what each step of a build did, and why; the last build unless one is named",
  arity: [0, 1],
  flags: { format: text('Format output using a custom template, or "json"', { short: "f" }), "no-trunc": bool("Don't truncate output") },
  async run(cli, { args: [build = "latest"], flags }) {
    const record = await (await cli.client()).buildRecords.get(build, { signal: cli.signal });
    if (flags.format === "json") return cli.print(indentJson(JSON.stringify(record)));
    if (flags.format) return cli.print(formatValue(flags.format, record));
    cli.print(`${record.id} ${record.status}${record.error === undefined ? "" : `: ${record.error}`}`);
    const rows = record.steps.map((step) => stepRow(step, { full: flags["no-trunc"], isRunning: record.status === "running" }));
    cli.out(formatRows(rows, { format: "", table: STEP_TABLE, headers: HEADERS }));
  },
});

const STEP_TABLE = "table {{.Step}}\t{{.Line}}\t{{.Result}}\t{{.Time}}\t{{.Size}}\t{{.Instruction}}\t{{.Reason}}";

function stepRow(step: StepRecord, { full, isRunning }: { full: boolean; isRunning: boolean }): Row {
  const { id, range, startedMs, endedMs, addedBytes, instruction, reason = "", error } = step;
  const isEnded = startedMs !== undefined && endedMs !== undefined;
  return {
    Step: id,
    Line: range ? String(range.startLine) : "",
    Result: resultOf(step, isRunning),
    Time: isEnded && isDoing(step) ? seconds(endedMs - startedMs) : "",
    Size: addedBytes > 0 ? humanSize(addedBytes, 3) : "",
    Instruction: full ? instruction : ellipsis(instruction.replaceAll(/\s+/g, " "), 50),
    Reason: error ?? reason,
  };
}

function resultOf(step: StepRecord, isRunning: boolean): string {
  if (step.error !== undefined) return "failed";
  if (step.endedMs === undefined && step.startedMs !== undefined) return isRunning ? "running" : "canceled";
  if (step.endedMs === undefined) return "not run";
  if (!isDoing(step)) return "";
  return step.cached ? "cached" : "ran";
}

function isDoing({ kind }: Pick<StepRecord, "kind">): boolean {
  return kind === "run" || kind === "copy" || kind === "workdir";
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`;
}

export const buildsLogs = command({
  usage: "[OPTIONS] [BUILD [STEP]]",
  about: "Print what a build's steps printed; the last build unless one is named",
  arity: [0, 2],
  flags: { follow: bool("Stay until the build has ended", { short: "f" }) },
  async run(cli, { args: [build = "latest", step], flags }) {
    const { buildRecords } = await cli.client();
    const record = await buildRecords.get(build, { signal: cli.signal });
    if (step !== undefined) {
      const { id } = findStep(record, step);
      return cli.copy(await buildRecords.log(record.id, id, { follow: flags.follow, signal: cli.signal }));
    }
    if (flags.follow) return followLogs(cli, record.id);
    for (const { id } of record.steps) await cli.copy(await buildRecords.log(record.id, id, { signal: cli.signal }));
  },
});

async function followLogs(cli: Cli, id: string): Promise<void> {
  const { buildRecords } = await cli.client();
  for await (const event of buildRecords.progress(id, { signal: cli.signal })) if (event.type === "log") cli.out(event.data);
}

/** A step by its id, by a line of the Dockerfile, or the one that failed, else the last. @throws {Error} */
function findStep(record: BuildRecord, name: string): StepRecord {
  const found = record.steps.find(({ id }) => id === name) ?? record.steps.findLast((step) => isAtLine(step, name));
  if (found) return found;
  throw new Error(`No such step: ${name}. "berth builds inspect ${record.id.slice(0, 12)}" lists the steps; a line number does as well`);
}

function isAtLine({ range }: StepRecord, name: string): boolean {
  return /^\d+$/.test(name) && range !== undefined && range.startLine <= Number(name) && Number(name) <= range.endLine;
}

function defaultStep(record: BuildRecord): StepRecord {
  const step = record.steps.find(({ error }) => error !== undefined) ?? record.steps.findLast(({ endedMs }) => endedMs !== undefined);
  if (!step) throw new Error(`Build ${record.id} has no step that can be opened`);
  return step;
}

async function openStep(cli: Cli, build: string, step: string | undefined): Promise<{ id: string; step: StepRecord }> {
  const record = await (await cli.client()).buildRecords.get(build, { signal: cli.signal });
  return { id: record.id, step: step === undefined || step === "" ? defaultStep(record) : findStep(record, step) };
}

export const buildsShell = command({
  usage: "[OPTIONS] [BUILD [STEP [COMMAND [ARG...]]]]",
  about:
    "Open a shell in a step, with its variables, user, directory and mounts; in the failed step of the last build unless another is named. What it writes goes when it ends",
  arity: [0, Infinity],
  interspersed: false,
  flags: {
    before: bool("Show the files as they were before the step"),
    env: list("Set environment variables", { short: "e", check: checkEnvironment }),
    secret: list('Secret of the step, which is never kept (format: "id=mysecret[,src=/local/secret]")'),
    user: text('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
    workdir: text("Working directory inside the step", { short: "w" }),
  },
  async run(cli, { args: [build = "latest", name, ...Cmd], flags }) {
    const client = await cli.client();
    const { id, step } = await openStep(cli, build, name);
    const tty = cli.stdin.isTTY === true && cli.stdout.isTTY === true;
    const { id: shell, stream } = await client.buildRecords.shell(id, step.id, {
      Cmd,
      Tty: tty,
      Before: flags.before,
      Env: flags.env,
      ...(flags.user && { User: flags.user }),
      ...(flags.workdir && { WorkingDir: flags.workdir }),
      ...(tty && { ConsoleSize: [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0] }),
      Secrets: await secretTexts(cli, flags.secret),
      signal: cli.signal,
    });
    const stopFollowing = tty ? followSize(cli.stdout, (size) => client.buildRecords.resizeShell(shell, size)) : () => {};
    const end = await runSession(cli, stream, { stdin: true, stdout: true, stderr: true, tty, detachKeys: "" });
    stopFollowing();
    return end === "detached" ? 0 : ((await client.buildRecords.inspectShell(shell)).ExitCode ?? 0);
  },
});

async function secretTexts(cli: Cli, flags: readonly string[]): Promise<Record<string, string>> {
  const secrets = await readSecrets(cli, flags);
  return Object.fromEntries([...secrets].map(([id, content]) => [id, content.toString("base64")]));
}

export const buildsFiles = command({
  usage: "BUILD STEP [PATH]",
  about: "List a directory, or print a file, as a step left it",
  arity: [2, 3],
  flags: {},
  async run(cli, { args: [build = "", name = "", path = "/"] }) {
    const { buildRecords } = await cli.client();
    const { id, step } = await openStep(cli, build, name);
    const absolute = resolve("/", path);
    const options = { path: absolute, signal: cli.signal };
    const files = await buildRecords.files(id, step.id, options).catch((error: unknown) => {
      if (error instanceof Error && error.message.endsWith("is not a directory")) return undefined;
      throw error;
    });
    if (!files) return void cli.stdout.write(await buildRecords.readFile(id, step.id, options));
    const rows = files.map(({ name: file, type, mode, uid, gid, sizeBytes, target }) => ({
      Mode: `${type[0]}${mode.toString(8).padStart(4, "0")}`,
      Owner: `${uid}:${gid}`,
      Size: type === "file" ? humanSize(sizeBytes, 3) : "",
      Name: target === undefined ? file : `${file} -> ${target}`,
    }));
    cli.out(formatRows(rows, { format: "", table: "{{.Mode}}\t{{.Owner}}\t{{.Size}}\t{{.Name}}", headers: {} }));
  },
});

export const buildsDiff = command({
  usage: "BUILD [STEP]",
  about: "Show what a step changed: A added, C changed, D deleted",
  arity: [1, 2],
  flags: {},
  async run(cli, { args: [build = "", name] }) {
    const { id, step } = await openStep(cli, build, name);
    const changes = await (await cli.client()).buildRecords.changes(id, step.id, { signal: cli.signal });
    const letter = { added: "A", modified: "C", deleted: "D" };
    for (const { kind, path } of changes) cli.print(`${letter[kind]} ${path}`);
  },
});

export const buildsRm = command({
  usage: "BUILD [BUILD...]",
  arity: [1, Infinity],
  flags: {},
  async run(cli, { args }) {
    const { buildRecords } = await cli.client();
    return forEach(cli, args, (id) => buildRecords.remove(id, { signal: cli.signal }));
  },
});

export const buildsPredict = command({
  usage: "[OPTIONS] [PATH]",
  about: "Say which steps a build would run, and why, without building",
  arity: [0, 1],
  flags: {
    "build-arg": list("Set build-time variables"),
    "build-context": list('Additional build contexts (e.g., "name=path")'),
    file: text('Name of the Dockerfile (default: "PATH/Dockerfile"); - reads it from stdin', { short: "f" }),
    format: text('"json" for everything that is known'),
    "no-cache": bool("As if the cache were not used"),
    platform: text("Set target platform for build"),
    target: text("Set the target build stage to build"),
  },
  async run(cli, { args: [path = "."], flags }) {
    const contextDir = resolve(cli.cwd, path);
    const prediction = await (
      await cli.client()
    ).buildRecords.predict({
      contextDir,
      ...(flags.file === "-" ? { text: await readText(cli.stdin) } : await dockerfile(cli, contextDir, flags.file)),
      buildArgs: buildArgs(flags["build-arg"], cli.env),
      contexts: namedContexts(cli, flags["build-context"]),
      noCache: flags["no-cache"],
      ...(flags.platform && { platform: flags.platform }),
      ...(flags.target && { target: flags.target }),
      signal: cli.signal,
    });
    if (flags.format === "json") return cli.print(indentJson(JSON.stringify(prediction)));
    if (flags.format) throw new ExitError(125, `unknown format ${JSON.stringify(flags.format)}: only "json"`);
    const rows = prediction.steps.filter(isDoing).map(predictedRow);
    cli.out(formatRows(rows, { format: "", table: PREDICTED_TABLE, headers: HEADERS }));
  },
});

const PREDICTED_TABLE = "table {{.Line}}\t{{.Result}}\t{{.Time}}\t{{.Instruction}}\t{{.Reason}}";

function predictedRow({ range, outcome, lastMs, instruction, reason = "" }: PredictedStep): Row {
  return {
    Line: range ? String(range.startLine) : "",
    Result: outcome,
    Time: outcome !== "cached" && lastMs !== undefined ? seconds(lastMs) : "",
    Instruction: ellipsis(instruction.replaceAll(/\s+/g, " "), 50),
    Reason: reason,
  };
}

async function dockerfile(cli: Cli, contextDir: string, file: string): Promise<{ dockerfile?: string; text?: string }> {
  if (file === "") return {};
  const path = resolve(cli.cwd, file);
  const inside = relative(contextDir, path);
  if (!inside.startsWith("..") && !isAbsolute(inside)) return { dockerfile: inside };
  return { dockerfile: path, text: await readFile(path, "utf8") };
}
