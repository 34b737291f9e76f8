import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { enginePaths } from "../../host/paths.ts";
import { parseTcpAddress, readEngineStatus, stopEngine, tcpUrl } from "../../host/start.ts";
import type { EngineStatus, TcpAddress } from "../../host/start.ts";
import { command, ExitError } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { formatValue } from "../format.ts";
import { describeProblem, startOwnEngine } from "../own-engine.ts";
import { settingsDirectory } from "../settings.ts";

function rootOf(cli: Cli): string | undefined {
  return cli.globals.root || cli.env["BERTH_ROOT"];
}

function options(cli: Cli): { root: string | undefined; env: NodeJS.ProcessEnv; signal: AbortSignal } {
  return { root: rootOf(cli), env: cli.env, signal: cli.signal };
}

export const engineStart = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    listen: text("Listen on a TCP address too, now and after restarts ('none' forgets it)"),
    plaintext: bool("Listen without TLS, on a loopback address only"),
    tlscacert: text("With --listen: trust clients signed only by this CA"),
    tlscert: text("With --listen: path to the engine's certificate"),
    tlskey: text("With --listen: path to the engine's key"),
    tlsverify: bool("With --listen: use TLS and verify the clients"),
  },
  async run(cli, { flags }) {
    const listen = listenOption(cli, flags);
    const before = await readEngineStatus(options(cli));
    if (before.running && listen !== undefined && before.tcp !== (listen ? tcpUrl(listen) : undefined))
      throw new ExitError(1, "The engine runs already: stop it with 'berth engine stop', then start it with --listen");
    await startOwnEngine(cli, rootOf(cli), listen === undefined ? {} : { listen });
    const status = await readEngineStatus(options(cli));
    cli.print(status.socket);
    if (status.tcp) cli.print(status.tcp);
  },
});

interface ListenFlags {
  readonly listen: string;
  readonly plaintext: boolean;
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
  readonly tlsverify: boolean;
}

/** Undefined keeps what was; null is none. The files' places are dockerd's. */
function listenOption(cli: Cli, flags: ListenFlags): TcpAddress | null | undefined {
  if (flags.listen === "") {
    if (flags.plaintext || flags.tlsverify) throw new ExitError(1, "--plaintext and --tlsverify say how to --listen: name an address");
    return undefined;
  }
  if (flags.listen === "none") return null;
  const directory = cli.env["DOCKER_CERT_PATH"] || settingsDirectory(cli);
  const file = (given: string, name: string): string => resolve(given || join(directory, name));
  const tls = { ca: file(flags.tlscacert, "ca.pem"), cert: file(flags.tlscert, "cert.pem"), key: file(flags.tlskey, "key.pem") };
  return parseTcpAddress(flags.listen, { plaintext: flags.plaintext, ...(flags.tlsverify && { tls }) });
}

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
    ["Address", status.tcp ? `${status.socket}, ${status.tcp}` : status.socket],
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
