import type { VersionResponse } from "../../api/types/system.ts";
import { API_VERSION } from "../../client/connection.ts";
import { ConnectionError } from "../../client/errors.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import { text } from "../flags.ts";
import { INSPECT_FORMAT_HELP, printFormatted } from "../format.ts";
import { CLI_VERSION } from "../version.ts";

export const version = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text(INSPECT_FORMAT_HELP, { short: "f" }) },
  async run(cli, { flags }) {
    const target = await findTarget(cli);
    const client = {
      Version: CLI_VERSION,
      ApiVersion: API_VERSION,
      DefaultAPIVersion: API_VERSION,
      GitCommit: "",
      GoVersion: `node ${process.versions.node}`,
      Os: process.platform,
      Arch: architecture(),
      BuildTime: "",
      Context: target.own ? "default" : target.context,
    };
    const { server, failure } = await askServer(cli);
    if (server) client.ApiVersion = (await (await cli.client()).connection.apiVersion()) || API_VERSION;
    if (flags.format)
      printFormatted(cli, flags.format, { Client: client, Server: server ?? null }, { type: "system.versionInfo", name: "version" });
    else cli.out(clientText(client) + (server ? `\n${serverText(server)}` : ""));
    if (failure) throw new ExitError(1, failure.message);
  },
});

function architecture(): string {
  return { x64: "amd64", arm64: "arm64", ia32: "386", arm: "arm" }[process.arch as string] ?? process.arch;
}

async function askServer(cli: Cli): Promise<{ server?: VersionResponse; failure?: Error }> {
  try {
    const server = await (await cli.client()).system.version({ signal: cli.signal });
    for (const { Details } of server.Components ?? []) if (Details?.["BuildTime"]) Details["BuildTime"] = builtAt(Details["BuildTime"]);
    return { server };
  } catch (error) {
    if (error instanceof ConnectionError) return { failure: error };
    throw error;
  }
}

function clientText(client: { Version: string; ApiVersion: string; GoVersion: string; Os: string; Arch: string; Context: string }): string {
  return lines("Client:", [
    [" Version:", client.Version],
    [" API version:", client.ApiVersion],
    [" Runtime:", client.GoVersion],
    [" OS/Arch:", `${client.Os}/${client.Arch}`],
    [" Context:", client.Context],
  ]);
}

function serverText(server: VersionResponse): string {
  const platform = server.Platform?.Name ? `Server: ${server.Platform.Name}` : "Server:";
  const components = server.Components ?? [];
  const [engine, ...others] = components.length > 0 ? components : [legacyEngine(server)];
  const facts = engine!.Details ?? {};
  const own = lines(` ${engine!.Name}:`, [
    ["  Version:", engine!.Version],
    ["  API version:", `${facts["ApiVersion"] ?? server.ApiVersion} (minimum version ${facts["MinAPIVersion"] ?? server.MinAPIVersion})`],
    ["  Go version:", facts["GoVersion"] ?? ""],
    ["  Git commit:", facts["GitCommit"] ?? ""],
    ["  Built:", facts["BuildTime"] ?? ""],
    ["  OS/Arch:", `${facts["Os"] ?? server.Os}/${facts["Arch"] ?? server.Arch}`],
    ["  Experimental:", facts["Experimental"] ?? "false"],
  ]);
  const rest = others.map(({ Name, Version, Details }) =>
    lines(` ${Name}:`, [
      ["  Version:", Version],
      ...Object.entries(Details ?? {}).map(([key, value]): [string, string] => [`  ${key}:`, value]),
    ]),
  );
  return `${platform}\n${own}${rest.join("")}`;
}

function legacyEngine(server: VersionResponse): VersionResponse["Components"][number] {
  return { Name: "Engine", Version: server.Version, Details: {} };
}

/** Go shows build times in its own way. */
function builtAt(time: string): string {
  const date = new Date(time);
  if (time === "" || Number.isNaN(date.getTime()) || !/^\d{4}-/.test(time)) return time;
  const [day, month, dayOfMonth, year] = date
    .toUTCString()
    .replace(",", "")
    .split(" ")
    .map((part, at, all) => (at === 1 ? all[2] : at === 2 ? all[1] : part));
  return `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${date.toISOString().slice(11, 19)} ${year}`;
}

function lines(title: string, facts: readonly (readonly [string, string])[]): string {
  return `${title}\n${facts.map(([name, value]) => `${name.padEnd(20)}${value}\n`).join("")}`;
}
