import type { SystemInfo } from "../../api/types/system.ts";
import { command } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import { text } from "../flags.ts";
import { INSPECT_FORMAT_HELP, printFormatted } from "../format.ts";
import { binarySize } from "../../syntax/size.ts";
import { CLI_VERSION } from "../version.ts";

export const info = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text(INSPECT_FORMAT_HELP, { short: "f" }) },
  async run(cli, { flags }) {
    const target = await findTarget(cli);
    const context = target.own ? "default" : target.context;
    const client = await cli.client();
    const server = await client.system.info({ signal: cli.signal });
    if (flags.format) {
      const ClientInfo = { Debug: cli.globals.debug, Context: context, Version: CLI_VERSION, Plugins: [], Warnings: null };
      return printFormatted(cli, flags.format, { ...server, ClientInfo }, { type: "system.dockerInfo" });
    }
    const own = [
      ["Client:"],
      [" Version:", `   ${CLI_VERSION}`],
      [" Context:", `   ${context}`],
      [" Debug Mode:", String(cli.globals.debug)],
    ];
    cli.out(`${own.map((words) => words.join(" ")).join("\n")}\n\nServer:\n${serverLines(server).join("\n")}\n\n`);
    for (const warning of server.Warnings ?? []) cli.complain(warning);
  },
});

/** Lines below `Server:`, in docker's order; facts that an engine does not tell are left out. */
function serverLines(server: SystemInfo): string[] {
  const other = server as unknown as Record<string, unknown>;
  return [
    ` Containers: ${server.Containers}`,
    `  Running: ${server.ContainersRunning}`,
    `  Paused: ${server.ContainersPaused}`,
    `  Stopped: ${server.ContainersStopped}`,
    ` Images: ${server.Images}`,
    ` Server Version: ${server.ServerVersion}`,
    ` Storage Driver: ${server.Driver}`,
    ...(server.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    ...fact("Logging Driver", other["LoggingDriver"]),
    ...fact("Cgroup Driver", server.CgroupDriver),
    ...fact("Cgroup Version", server.CgroupVersion),
    ...pluginLines(other["Plugins"] as Record<string, string[] | null> | undefined),
    ...group("CDI spec directories", other["CDISpecDirs"] as string[] | undefined),
    ...fact("Swarm", (other["Swarm"] as { LocalNodeState?: string } | undefined)?.LocalNodeState),
    ...fact(
      "Runtimes",
      Object.keys((other["Runtimes"] as object | undefined) ?? {})
        .toSorted()
        .join(" "),
    ),
    ...fact("Default Runtime", server.DefaultRuntime),
    ...fact("Init Binary", other["InitBinary"]),
    ...["containerd", "runc", "init"].flatMap((name) => commitLine(name, other[`${name[0]!.toUpperCase()}${name.slice(1)}Commit`])),
    ...securityLines(server.SecurityOptions ?? []),
    ...fact("Kernel Version", server.KernelVersion),
    ...fact("Operating System", server.OperatingSystem),
    ...fact("OSType", server.OSType),
    ...fact("Architecture", server.Architecture),
    ` CPUs: ${server.NCPU}`,
    ` Total Memory: ${binarySize(server.MemTotal)}`,
    ...fact("Name", server.Name),
    ...fact("ID", server.ID),
    ...fact("Docker Root Dir", server.DockerRootDir),
    ` Debug Mode: ${other["Debug"] === true}`,
    ...fact("HTTP Proxy", other["HttpProxy"]),
    ...fact("HTTPS Proxy", other["HttpsProxy"]),
    ...fact("No Proxy", other["NoProxy"]),
    ` Experimental: ${other["ExperimentalBuild"] === true}`,
    ...registryLines(other["RegistryConfig"] as RegistryConfig | undefined),
    ` Live Restore Enabled: ${other["LiveRestoreEnabled"] === true}`,
  ];
}

function fact(name: string, value: unknown): string[] {
  return value === undefined || value === null || value === "" ? [] : [` ${name}: ${String(value)}`];
}

function group(name: string, values: readonly string[] | undefined | null): string[] {
  return values && values.length > 0 ? [` ${name}:`, ...values.map((value) => `  ${value}`)] : [];
}

function pluginLines(plugins: Record<string, string[] | null> | undefined): string[] {
  if (!plugins) return [];
  const kinds = ["Volume", "Network", "Authorization", "Log"].filter((kind) => plugins[kind] && plugins[kind].length > 0);
  return [" Plugins:", ...kinds.map((kind) => `  ${kind}: ${plugins[kind]!.join(" ")}`)];
}

function commitLine(name: string, commit: unknown): string[] {
  return commit ? [` ${name} version: ${(commit as { ID?: string }).ID ?? ""}`] : [];
}

/** `name=seccomp,profile=builtin` is two lines. */
function securityLines(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const fields = option.split(",").map((field) => field.split("=") as [string, string?]);
    const name = fields.find(([key]) => key === "name")?.[1] ?? option;
    const rest = fields.filter(([key, value]) => key !== "name" && value !== undefined);
    return [`  ${name}`, ...rest.map(([key, value]) => `   ${key[0]!.toUpperCase()}${key.slice(1)}: ${value}`)];
  });
  return [" Security Options:", ...lines];
}

interface RegistryConfig {
  readonly InsecureRegistryCIDRs?: string[] | null;
  readonly IndexConfigs?: Record<string, { Secure: boolean }> | null;
  readonly Mirrors?: string[] | null;
}

function registryLines(config: RegistryConfig | undefined): string[] {
  const insecure = Object.entries(config?.IndexConfigs ?? {})
    .filter(([, { Secure }]) => !Secure)
    .map(([name]) => name);
  return [
    ...group("Insecure Registries", [...insecure, ...(config?.InsecureRegistryCIDRs ?? [])]),
    ...group("Registry Mirrors", config?.Mirrors),
  ];
}
