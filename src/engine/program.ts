/**
 * Berth's own engine as a program: found, started and asked. The engine outlives the window that started it.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What stands in the way of an engine on this machine. */
export interface Problem {
  readonly id: string;
  /** A sentence: what is missing. */
  readonly message: string;
  /** A shell command when it starts with `sudo `, else advice. */
  readonly fix: string;
}

/** What `engine status --format json` says; only what is used here. */
export interface EngineStatus {
  readonly running: boolean;
  /** Path or `unix://` address of the API. */
  readonly socket: string;
  readonly rootless?: boolean;
  readonly log?: string;
}

/** The engine's program ended with an error; the message is what it wrote. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

export interface EngineProgramOptions {
  /** `dist/engine.mjs` of the extension. */
  readonly file: string;
  /** Directory of a separate engine; empty for BERTH_ROOT or the user's own. */
  readonly root: string;
  /** The user's choice of Node; empty for VS Code's own. */
  readonly nodePath: string;
}

/** The engine is bundled for this release; VS Code 1.100 carries an older one, later releases do not. */
const OLDEST_NODE = 22;

/** Calls the engine's program. Each call is a short process; none stays. */
export class EngineProgram {
  readonly #options: EngineProgramOptions;

  constructor(options: EngineProgramOptions) {
    this.#options = options;
  }

  /** Starts the engine, or adopts the one that runs; several windows may call at once. @throws {ProgramError} */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#run(["start"], signal);
  }

  /** Ends the engine; its containers go on. @throws {ProgramError} */
  async stop(): Promise<void> {
    await this.#run(["stop"]);
  }

  async status(signal?: AbortSignal): Promise<EngineStatus> {
    return JSON.parse(await this.#run(["status", "--format", "json"], signal, statusOfStopped)) as EngineStatus;
  }

  /** What this machine lacks; empty when nothing does. */
  async preflight(): Promise<Problem[]> {
    return JSON.parse(await this.#run(["preflight", "--format", "json"], undefined, statusOfStopped)) as Problem[];
  }

  async #run(args: string[], signal?: AbortSignal, accept: (stdout: string) => boolean = () => false): Promise<string> {
    const root = this.#options.root ? ["--root", this.#options.root] : [];
    const node = await findNode(this.#options.nodePath);
    return new Promise((resolve, reject) => {
      const argv = [this.#options.file, ...args, ...root];
      execFile(node, argv, { env: engineEnvironment(), ...(signal ? { signal } : {}) }, (error, stdout, stderr) => {
        if (!error || accept(stdout)) resolve(stdout);
        else reject(signal?.aborted ? (signal.reason as Error) : new ProgramError(lastWords(stderr) || error.message));
      });
    });
  }
}

/** A stopped engine and a lacking machine are answers, though the program's exit code tells them apart. */
function statusOfStopped(stdout: string): boolean {
  return /^\s*[{[]/.test(stdout);
}

/** The sentence that a program ends with, without the `berth:` in front of it. */
function lastWords(stderr: string): string {
  return stderr
    .trim()
    .split("\n")
    .slice(-3)
    .join("\n")
    .replace(/^(?:berth|engine|Error):\s*/, "");
}

/** What VS Code sets for its own children must not reach the engine, which lives longer than any of them. */
function engineEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_|CODE_SERVER|NODE_OPTIONS$|NODE_V8_COVERAGE$)/.test(name));
  return { ...Object.fromEntries(kept), ELECTRON_RUN_AS_NODE: "1" };
}

async function findNode(chosen: string): Promise<string> {
  if (chosen) return chosen;
  if (major(process.versions.node) >= OLDEST_NODE) return process.execPath;
  const found = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "node")).find(existsSync);
  if (found && major(await nodeVersion(found)) >= OLDEST_NODE) return found;
  throw new ProgramError(
    `Berth's engine needs Node.js ${OLDEST_NODE} or newer, and this VS Code has ${process.versions.node}: update VS Code, or set "berth.engine.nodePath"`,
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
