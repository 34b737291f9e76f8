import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { enginePaths } from "../../host/paths.ts";
import { ensureEngine, readEngineStatus, stopEngine } from "../../host/start.ts";
import type { EngineStatus } from "../../host/start.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { formatValue } from "../format.ts";
import { describeProblem, startOwnEngine } from "../own-engine.ts";

function rootOf(cli: Cli): string | undefined {
  return cli.globals.root || cli.env["BERTH_ROOT"];
}

function options(cli: Cli): { root: string | undefined; env: NodeJS.ProcessEnv; signal: AbortSignal } {
  return { root: rootOf(cli), env: cli.env, signal: cli.signal };
}

export const engineStart = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    await startOwnEngine(cli, rootOf(cli));
    const status = await ensureEngine(options(cli));
    cli.print(status.socket);
  },
});

export const engineStop = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    await stopEngine(options(cli));
  },
});

export const engineSocket = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    cli.print(`unix://${enginePaths(rootOf(cli), cli.env).socket}`);
  },
});

export const engineStatus = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text("Format output: 'json', or a Go template", { short: "f" }) },
  async run(cli, { flags }) {
    const status = await readEngineStatus(options(cli));
    if (flags.format === "json") cli.print(JSON.stringify(status, null, 2));
    else if (flags.format) cli.print(formatValue(flags.format, status));
    else for (const line of statusLines(status)) cli.print(line);
    return status.running ? 0 : 3;
  },
});

function statusLines(status: EngineStatus): string[] {
  const facts: [string, string][] = [
    ["Engine", status.running ? `running (pid ${status.pid})` : "not running; it starts with the first command that needs it"],
    ["Version", `${status.version} (Docker API ${status.apiVersion})`],
    ["Address", status.socket],
    ["Runtime", status.runtime ? `${status.runtime.name} ${status.runtime.version} (${status.runtime.path})` : "found when it starts"],
    ["Mode", status.rootless ? "rootless" : "root"],
    ["Storage", status.storage],
    ["Log", status.log],
    ...Object.entries(status.processes).map(([name, pid]): [string, string] => [`  ${name}`, `pid ${pid}`]),
  ];
  return [...facts.map(([name, value]) => `${`${name}:`.padEnd(10)}${value}`), ...status.problems.map(describeProblem)];
}

export const engineLogs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { follow: bool("Follow log output", { short: "f" }) },
  async run(cli, { flags }) {
    const { log } = enginePaths(rootOf(cli), cli.env);
    const copied = await copyFrom(cli, log, 0);
    if (!flags.follow) return;
    const { watch } = await import("node:fs/promises");
    let position = copied;
    for await (const _change of watch(log, { signal: cli.signal })) position = await copyFrom(cli, log, position);
  },
});

/** Copies what a log has after `position`; a log that was begun anew is copied whole. @returns the new position */
async function copyFrom(cli: Cli, path: string, position: number): Promise<number> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  const start = size < position ? 0 : position;
  if (size > start) await cli.copy(createReadStream(path, { start, end: size - 1 }));
  return size;
}
