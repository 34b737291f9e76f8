/**
 * One call of `berth compose`: the flags in front of the verb, the verb, its help.
 */
import { ExitError } from "../cli.ts";
import type { Call, Cli } from "../cli.ts";
import { FlagError, HelpRequested, bool, parseFlags } from "../flags.ts";
import type { FlagTable } from "../flags.ts";
import { commandHelp, commandLines, flagLines, suggest, usageLine } from "../help.ts";
import { COMPOSE_FLAGS, Compose } from "./compose.ts";
import type { ComposeCommand, ComposeFlags } from "./compose.ts";
import { COMPOSE_ENTRIES, findVerb } from "./tree.ts";
import type { ComposeEntry } from "./tree.ts";

const PATH = "berth compose";
const PROGRESS = ["", "auto", "tty", "plain", "json", "quiet"];

/** Runs the words behind `compose`. @returns the exit status */
export async function runCompose(cli: Cli, words: readonly string[]): Promise<number> {
  const { flags, args } = parse(COMPOSE_FLAGS, words, { path: PATH, usage: "[OPTIONS] COMMAND", interspersed: false }) ?? {
    flags: undefined,
    args: [],
  };
  if (!flags) return showHelp(cli);
  const [verb, ...rest] = args[0] === "help" ? [...args.slice(1, 2), "--help"] : args;
  if (flags.version) return runVerb(cli, flags, { entry: findVerb("version")!, rest: [] });
  if (verb === undefined || verb === "--help") return showHelp(cli);
  const entry = findVerb(verb);
  if (!entry) throw unknownVerb(verb);
  return runVerb(withEngine(cli, flags), flags, { entry, rest });
}

/** `-H` and `--context` may also stand behind `compose`, as they do for docker-compose. */
function withEngine(cli: Cli, { host, context }: ComposeFlags): Cli {
  if (host.length === 0 && !context) return cli;
  return cli.withGlobals({ host: host.at(-1) ?? cli.globals.host, context: context || cli.globals.context });
}

/** Undefined when help was asked for. @throws {ExitError} */
function parse<F extends FlagTable>(table: F, words: readonly string[], form: { path: string; usage: string; interspersed: boolean }) {
  try {
    return parseFlags(table, words, { interspersed: form.interspersed });
  } catch (error) {
    if (error instanceof HelpRequested) return undefined;
    if (!(error instanceof FlagError)) throw error;
    throw new ExitError(1, `${error.message}\n\n${usageLine(form)}\n\nRun '${form.path} --help' for more information`);
  }
}

async function runVerb(cli: Cli, flags: ComposeFlags, { entry, rest }: { entry: ComposeEntry; rest: readonly string[] }): Promise<number> {
  const command = await entry.load();
  const path = `${PATH} ${entry.names[0]}`;
  const table: FlagTable = { "dry-run": bool("Execute command in dry run mode"), ...command.flags };
  const parsed = parse(table, rest, { path, usage: command.usage, interspersed: command.interspersed ?? true });
  if (!parsed) {
    const about = command.about ?? entry.summary;
    cli.out(
      commandHelp(
        { path, usage: command.usage, about, aliases: entry.names.map((name) => `${PATH} ${name}`), flags: table },
        cli.stdout.columns,
      ),
    );
    return 0;
  }
  checkArity(command, parsed.args, path);
  const dryRun = flags["dry-run"] || parsed.flags["dry-run"] === true;
  const call: Call<FlagTable> = { ...parsed, path };
  if (!PROGRESS.includes(flags.progress)) throw new ExitError(1, `unsupported --progress value ${JSON.stringify(flags.progress)}`);
  return (await command.run(new Compose(cli, { ...flags, "dry-run": dryRun }), call)) ?? 0;
}

function checkArity({ arity: [least, most], usage }: ComposeCommand, args: readonly string[], path: string): void {
  if (args.length >= least && args.length <= most) return;
  const plural = (count: number): string => `${count} argument${count === 1 ? "" : "s"}`;
  const what =
    most === 0 ? "accepts no arguments" : args.length < least ? `requires at least ${plural(least)}` : `requires at most ${plural(most)}`;
  throw new ExitError(1, `${path} ${what}\n\n${usageLine({ path, usage })}\n\nRun '${path} --help' for more information`);
}

function unknownVerb(verb: string): ExitError {
  const near = suggest(
    verb,
    COMPOSE_ENTRIES.flatMap(({ names }) => names),
  );
  const hint = near.length > 0 ? `\n\nDid you mean this?\n${near.map((name) => `  ${PATH} ${name}`).join("\n")}` : "";
  return new ExitError(
    1,
    `unknown docker command: ${JSON.stringify(`compose ${verb}`)}${hint}\n\nRun '${PATH} --help' for more information`,
  );
}

function showHelp(cli: Cli): number {
  const commands = COMPOSE_ENTRIES.map(({ names, summary }) => ({ name: names[0]!, summary })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  cli.out(
    [
      `Usage:  ${PATH} [OPTIONS] COMMAND\n\nDefine and run multi-container applications\n`,
      `Options:\n${flagLines(COMPOSE_FLAGS, cli.stdout.columns).join("\n")}\n`,
      commandLines("Commands", commands),
      `Run '${PATH} COMMAND --help' for more information on a command.\n`,
    ].join("\n"),
  );
  return 0;
}
