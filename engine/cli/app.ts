/**
 * One call of `berth`: global flags, the command, its help, its errors, its exit status.
 */
import type { Announcement } from "../client/announce.ts";
import { Cli, ExitError } from "./cli.ts";
import type { Call, Command, Signals, Streams } from "./cli.ts";
import { FlagError, HelpRequested, parseFlags } from "./flags.ts";
import type { FlagTable } from "./flags.ts";
import { GLOBAL_FLAGS, readGlobals } from "./globals.ts";
import { COMMON, ENTRIES, GROUPS, findCommand, groupEntries } from "./tree.ts";
import type { Entry, Found } from "./tree.ts";

export interface AppOptions {
  /** Words after `berth`. */
  readonly words: readonly string[];
  readonly streams: Streams;
  readonly env: NodeJS.ProcessEnv;
  readonly workingDirectory: () => string;
  readonly now: () => number;
  readonly signals: Signals;
  /** What the first look at the words made of them. */
  readonly announced?: Announcement | undefined;
}

const NAME = "berth";

/** Runs a command line. @returns the exit status */
export async function runApp(options: AppOptions): Promise<number> {
  try {
    return await dispatch(options);
  } catch (error) {
    return report(options, error);
  }
}

async function dispatch(options: AppOptions): Promise<number> {
  let parsed: ReturnType<typeof readGlobals>;
  try {
    parsed = readGlobals(options.words);
  } catch (error) {
    if (error instanceof HelpRequested) return showTopHelp(options, error.short);
    const usage = `Usage:  ${NAME} [OPTIONS] COMMAND [ARG...]\n\nRun '${NAME} --help' for more information`;
    throw error instanceof FlagError ? new ExitError(125, `${error.message}\n\n${usage}`) : error;
  }
  if (parsed.version) return showVersion(options);
  const words = parsed.rest[0] === "help" ? [...parsed.rest.slice(1), "--help"] : parsed.rest;
  if (words.length === 0 || words[0] === "--help") return showTopHelp(options, false);
  const cli = new Cli({ ...options, globals: parsed.globals, connect: async (cli) => (await import("./endpoint.ts")).connectTarget(cli) });
  try {
    return await follow(cli, findCommand(words));
  } finally {
    await cli.close();
  }
}

async function follow(cli: Cli, found: Found): Promise<number> {
  if (found.kind === "group") return showGroupHelp(cli, found.path);
  if (found.kind === "unknown") return complainUnknown(cli, found);
  return runCommand(cli, await found.entry.load(), found);
}

async function runCommand(cli: Cli, command: Command, found: Found & { kind: "command" }): Promise<number> {
  const path = `${NAME} ${found.path}`;
  let call: Call<FlagTable>;
  try {
    const words = command.raw ? ["--", ...found.rest] : found.rest;
    const { args, flags, given, notices } = parseFlags(command.flags, words, { interspersed: command.interspersed ?? true });
    for (const notice of notices) cli.complain(notice);
    call = { args, flags, given, path };
  } catch (error) {
    if (error instanceof HelpRequested) return showCommandHelp(cli, command, { entry: found.entry, path, short: error.short });
    if (!(error instanceof FlagError)) throw error;
    const { usageLine } = await import("./help.ts");
    throw new ExitError(
      125,
      `${error.message}\n\n${usageLine({ path, usage: command.usage })}\n\nRun '${path} --help' for more information`,
    );
  }
  await checkArity(command, call);
  return (await command.run(cli, call)) ?? 0;
}

async function checkArity({ arity: [least, most], usage }: Command, { args, path }: Call<FlagTable>): Promise<void> {
  if (args.length >= least && args.length <= most) return;
  const { usageLine } = await import("./help.ts");
  const plural = (count: number): string => `${count} argument${count === 1 ? "" : "s"}`;
  let what = `requires at least ${least} and at most ${plural(most)}`;
  let see = "Run";
  if (most === 0) what = "accepts no arguments";
  else if (least === most) what = `requires ${plural(least)}`;
  else if (most === Infinity) [what, see] = [`requires at least ${plural(least)}`, "See"];
  else if (least === 0) what = `requires at most ${plural(most)}`;
  throw new ExitError(1, `${NAME}: '${path}' ${what}\n\n${usageLine({ path, usage })}\n\n${see} '${path} --help' for more information`);
}

async function showCommandHelp(cli: Cli, command: Command, page: { entry: Entry; path: string; short: boolean }): Promise<number> {
  const { commandHelp } = await import("./help.ts");
  if (page.short) cli.complain("Flag shorthand -h has been deprecated, use --help");
  const { usage, flags } = command;
  const aliases = page.entry.names.map((name) => `${NAME} ${name}`);
  cli.out(commandHelp({ path: page.path, usage, about: command.about ?? page.entry.summary, aliases, flags }, cli.stdout.columns));
  return 0;
}

async function showGroupHelp(cli: Cli, group: string): Promise<number> {
  const { commandLines } = await import("./help.ts");
  const path = `${NAME} ${group}`;
  const commands = commandLines("Commands", groupEntries(group));
  cli.out(`Usage:  ${path} COMMAND\n\n${GROUPS[group]}\n\n${commands}\nRun '${path} COMMAND --help' for more information on a command.\n`);
  return 0;
}

async function showTopHelp({ streams: { stdout, stderr } }: AppOptions, short: boolean): Promise<number> {
  const { commandLines, flagLines } = await import("./help.ts");
  if (short) stderr.write("Flag shorthand -h has been deprecated, use --help\n");
  const short1 = (name: string): Entry | undefined => ENTRIES.find(({ names }) => names.includes(name));
  const rest = ENTRIES.filter((entry) => !entry.hidden).flatMap((entry) => {
    const name = entry.names.find((one) => !one.includes(" ") && !COMMON.includes(one));
    return name ? [{ name, summary: entry.summary }] : [];
  });
  const groups = Object.entries(GROUPS).map(([name, summary]) => ({ name, summary }));
  const parts = [
    `Usage:  ${NAME} [OPTIONS] COMMAND\n\nContainers without anything else to install\n`,
    commandLines(
      "Common Commands",
      COMMON.map((name) => ({ name, summary: short1(name)?.summary ?? "" })),
    ),
    commandLines("Management Commands", groups),
    commandLines(
      "Commands",
      rest.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    ),
    `Global Options:\n${flagLines(GLOBAL_FLAGS, stdout.columns).join("\n")}\n`,
    `Run '${NAME} COMMAND --help' for more information on a command.\n`,
  ];
  stdout.write(parts.join("\n"));
  return 0;
}

async function showVersion({ streams: { stdout } }: AppOptions): Promise<number> {
  const { versionLine } = await import("./version.ts");
  stdout.write(`${versionLine()}\n`);
  return 0;
}

async function complainUnknown(cli: Cli, found: Found & { kind: "unknown" }): Promise<number> {
  const { suggest } = await import("./help.ts");
  const group = found.path.includes(" ") ? found.path.split(" ")[0]! : "";
  const near = suggest(found.path.split(" ").at(-1)!, found.near);
  const parent = `${NAME} ${group}`.trimEnd();
  const hint = near.length > 0 ? `\nDid you mean this?\n${near.map((name) => `  ${parent} ${name}\n`).join("")}` : "";
  const usage = group ? `\nUsage:  ${parent}\n` : "";
  cli.complain(`${NAME}: unknown command: ${NAME} ${found.path}\n${hint}${usage}\nRun '${parent} --help' for more information`);
  return 1;
}

async function report(options: AppOptions, error: unknown): Promise<number> {
  if (options.signals.ended.aborted) {
    const reason = options.signals.ended.reason as unknown;
    if (reason instanceof ExitError) return reason.code;
  }
  if (error instanceof ExitError) {
    if (error.message) options.streams.stderr.write(`${error.message}\n`);
    return error.code;
  }
  const { describeError } = await import("./errors.ts");
  options.streams.stderr.write(`${describeError(error)}\n`);
  return 1;
}
