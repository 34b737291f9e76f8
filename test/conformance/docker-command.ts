/** The real docker command on an engine: how it is run, typed at and checked. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import type { Result, TestEngine } from "../support/engine.ts";

export const noDocker = findProgram("docker") === undefined && "the docker command is not installed";
export const noScript = findProgram("script") === undefined && "the script command is not installed";

export const ID = "[0-9a-f]{64}";
export const SHORT = "[0-9a-f]{12}";

/** What a command must do. Texts are compared whole, patterns are searched for; what is absent is not looked at. */
export interface Want {
  readonly exit?: number;
  readonly out?: string | RegExp;
  readonly err?: string | RegExp;
}

/** One docker command line, split at blanks unless it is a list. */
export type Step = readonly [command: string | readonly string[], want: Want];

export class Docker {
  readonly engine: TestEngine;
  readonly folder: string;

  constructor(engine: TestEngine) {
    this.engine = engine;
    this.folder = mkdtempSync(join(tmpdir(), "berth-docker-"));
    // The engine of another user binds from here.
    chmodSync(this.folder, 0o755);
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: this.engine.socket, DOCKER_CONFIG: join(this.folder, "config"), DOCKER_BUILDKIT: "0" };
  }

  run(args: string | readonly string[], options: { input?: string | Buffer } = {}): Promise<Result> {
    return this.engine.docker(words(args), { env: this.env, cwd: this.folder, ...options });
  }

  /** Its stdout without the last newline. @throws {Error} when it fails */
  async says(args: string | readonly string[], options: { input?: string | Buffer } = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, options);
    if (exitCode !== 0) throw new Error(`docker ${String(args)} ended with ${exitCode}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  async check([command, want]: Step): Promise<void> {
    const result = await this.run(command);
    const told = `docker ${words(command).join(" ")}: exit ${result.exitCode}\n${result.stdout}\n${result.stderr}`;
    assert.equal(result.exitCode, want.exit ?? 0, told);
    for (const [found, wanted] of [
      [result.stdout, want.out],
      [result.stderr, want.err],
    ] as const)
      if (wanted instanceof RegExp) assert.match(found, wanted, told);
      else if (wanted !== undefined) assert.equal(found, wanted, told);
  }

  async checkAll(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.check(step);
  }

  /** Removes what a test that failed has left: the next one begins as if it had not. */
  async clear(): Promise<void> {
    const { stdout } = await this.run("ps -aq");
    if (stdout !== "") await this.run(["rm", "-fv", ...stdout.trim().split("\n")]);
    for (const kind of ["network prune -f", "volume prune -af"]) await this.run(kind);
  }

  /** A directory with these files, for builds. */
  context(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  }

  /** Under a terminal that types `keys`, each after the text before it has appeared. */
  async typed(args: string | readonly string[], keys: readonly (readonly [after: RegExp, type: string])[]): Promise<Result> {
    const line = ["docker", ...words(args)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const child = spawn("script", ["-qefc", `stty rows 24 cols 80; exec ${line}`, "/dev/null"], {
      env: { ...this.env, TERM: "xterm" },
      cwd: this.folder,
    });
    const waiting = [...keys];
    let [stdout, seen] = ["", 0];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      for (let next = waiting[0]; next && next[0].test(stdout.slice(seen)); next = waiting[0]) {
        seen = stdout.length;
        child.stdin.write(next[1]);
        waiting.shift();
      }
    });
    const [stderr, exitCode] = await Promise.all([
      text(child.stderr),
      new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1))),
    ]);
    return { exitCode, stdout, stderr };
  }
}

export function words(args: string | readonly string[]): string[] {
  return typeof args === "string" ? args.split(" ") : [...args];
}

export type It = (name: string, run: (docker: Docker, t: TestContext) => Promise<void>, options?: { skip?: string | false }) => void;
