import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import { enginePaths } from "../../host/paths.ts";
import { FORMAT_HELP, formatRows } from "../format.ts";
import { bool, text } from "../flags.ts";

const HEADERS = { Name: "NAME", Description: "DESCRIPTION", DockerEndpoint: "DOCKER ENDPOINT", Error: "ERROR", Current: "CURRENT" };

async function current(cli: Cli): Promise<{ name: string; url: string }> {
  const target = await findTarget(cli);
  if (!target.own) return { name: target.context, url: target.url };
  return { name: "default", url: `unix://${enginePaths(target.root, cli.env).socket}` };
}

export const contextShow = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    cli.print((await current(cli)).name);
  },
});

export const contextLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text(FORMAT_HELP), quiet: bool("Only show context names", { short: "q" }) },
  async run(cli, { flags }) {
    const { name, url } = await current(cli);
    const row = { Name: name, Description: "The engine that this command talks to", DockerEndpoint: url, Error: "", Current: true };
    const table = flags.quiet ? "{{.Name}}" : "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}";
    cli.out(formatRows([row], { format: flags.format, table, headers: { ...HEADERS, Current: "" } }));
  },
});
