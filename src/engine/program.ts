/**
 * Berth's own engine as a program: found, started and asked. The engine outlives the window that started it,
 * and runs on VS Code's own Node; nothing native is loaded into the extension host.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PreflightError, ensureEngine, readEngineStatus, readProblems, stopEngine } from "../../engine/host/start.ts";
import type { EngineOptions, EngineStatus, Problem } from "../../engine/host/start.ts";

import { t } from "../language/server/words.ts";
import { inEditorsWords } from "./said.ts";

export { PreflightError };
export type { EngineStatus, Problem };

export interface EngineProgramOptions {
  /** Folder of `engine.mjs`. */
  readonly programs: string;
  /** Directory of a separate engine; empty for BERTH_ROOT or the user's own. */
  readonly root: string;
  /** The user's choice of Node; empty for VS Code's own. */
  readonly nodePath: string;
}

/** What the engine is bundled for. VS Code 1.100 carries an older one, later releases do not. */
const OLDEST_NODE = 22;

/** One engine, running or not. */
export class EngineProgram {
  readonly #options: EngineProgramOptions;

  constructor(options: EngineProgramOptions) {
    this.#options = options;
  }

  /**
   * The running engine, started if need be; any number of windows may call at once.
   * @throws {PreflightError} when this machine lacks something
   */
  async start(signal: AbortSignal): Promise<EngineStatus> {
    const node = await findNode(this.#options.nodePath);
    return ensureEngine({ ...this.#engine(), signal, node }).catch((error: unknown) => {
      throw error instanceof PreflightError ? new PreflightError(translated(error.problems)) : error;
    });
  }

  /** Stops all containers, the engine, and everything that belongs to it. What is stored stays. */
  async stop(): Promise<void> {
    await stopEngine({ ...this.#engine(), node: await findNode(this.#options.nodePath) });
  }

  /** Starts nothing. */
  status(): Promise<EngineStatus> {
    return readEngineStatus(this.#engine());
  }

  /** What this machine lacks; empty when an engine can start. */
  problems(): readonly Problem[] {
    return translated(readProblems(this.#engine()));
  }

  #engine(): EngineOptions {
    return { root: this.#options.root || process.env["BERTH_ROOT"], env: engineEnvironment(), programs: this.#options.programs };
  }
}

const translated = (problems: readonly Problem[]): Problem[] =>
  problems.map(({ id, message, fix }) => ({ id, message: inEditorsWords(message), fix: inEditorsWords(fix) }));

/** What VS Code sets for its own children must not reach the engine, which lives longer than any of them. */
function engineEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(VSCODE_|ELECTRON_|CODE_SERVER|NODE_OPTIONS$|NODE_V8_COVERAGE$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** @throws {Error} when there is no Node that is new enough */
async function findNode(chosen: string): Promise<string> {
  if (chosen) {
    if (major(await nodeVersion(chosen)) >= OLDEST_NODE) return chosen;
    throw new Error(t('"{0}" is no Node.js {1} or newer: change the setting "berth.engine.nodePath"', chosen, OLDEST_NODE));
  }
  if (major(process.versions.node) >= OLDEST_NODE) return process.execPath;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, "node")).find((file) => existsSync(file));
  if (found && major(await nodeVersion(found)) >= OLDEST_NODE) return found;
  throw new Error(
    t(
      'Berth\'s engine needs Node.js {0} or newer, and this VS Code has {1}: update VS Code, or set "berth.engine.nodePath"',
      OLDEST_NODE,
      process.versions.node,
    ),
  );
}

function nodeVersion(program: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, ["--version"], (error, stdout) => resolve(error ? "v0" : stdout));
  });
}

function major(version: string): number {
  return Number(/\d+/.exec(version)?.[0] ?? 0);
}
