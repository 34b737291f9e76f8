/**
 * Starting our own engine on behalf of a command.
 */
import { PreflightError, ensureEngine } from "../host/start.ts";
import type { EngineOptions } from "../host/start.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./cli.ts";

/** Starts the engine unless it runs. @throws {ExitError} saying what this machine lacks */
export async function startOwnEngine(cli: Cli, root: string | undefined, options: Pick<EngineOptions, "listen"> = {}): Promise<void> {
  try {
    await ensureEngine({ root, env: cli.env, signal: cli.signal, ...options });
  } catch (error) {
    if (error instanceof PreflightError) throw new ExitError(1, error.problems.map(describeProblem).join("\n"));
    throw error;
  }
}

/** What is missing and what to do about it. */
export function describeProblem(problem: { message: string; fix: string }): string {
  return `This machine cannot run the engine yet. ${problem.message}: ${problem.fix}`;
}
