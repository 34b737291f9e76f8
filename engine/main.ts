/**
 * The engine's program. `serve` is what the launcher starts inside the namespaces; everything else is for people and scripts:
 *
 *     engine.mjs start|stop|status|preflight [--root DIR]     prints JSON; exit code 1 when something is missing or fails
 */
import { ensureEngine, PreflightError, readEngineStatus, readProblems, stopEngine } from "./host/start.ts";

const COMMANDS = "start, stop, status or preflight";

async function main(command: string | undefined, rest: readonly string[]): Promise<void> {
  if (command === "serve") return (await import("./serve.ts")).serve();
  const root = rootFrom(rest);
  switch (command) {
    case "start":
      return print(await ensureEngine({ root }));
    case "stop":
      return stopEngine({ root });
    case "status":
      return print(await readEngineStatus({ root }));
    case "preflight":
      return preflight(root);
    case undefined:
      throw new Error(`Say what to do: ${COMMANDS}`);
    default:
      throw new Error(`Unknown command ${JSON.stringify(command)}: it is ${COMMANDS}`);
  }
}

function preflight(root: string | undefined): void {
  const problems = readProblems({ root });
  if (problems.length > 0) process.exitCode = 1;
  print(problems);
}

function rootFrom(words: readonly string[]): string | undefined {
  const [flag, value, ...more] = words.flatMap((word) => (word.startsWith("--root=") ? ["--root", word.slice(7)] : [word]));
  if (flag === undefined) return undefined;
  if (flag !== "--root" || !value || more.length > 0) throw new Error(`Unknown arguments ${words.join(" ")}: only --root DIR is known`);
  return value;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

try {
  await main(process.argv[2], process.argv.slice(3));
} catch (error) {
  process.exitCode = 1;
  if (error instanceof PreflightError) print({ problems: error.problems });
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
