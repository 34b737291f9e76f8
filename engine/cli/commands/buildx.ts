/**
 * buildx's words for builders, for scripts that use them. There is one builder, the engine itself; what cannot be had from it
 * is refused with what to do instead.
 */
import { command, ExitError } from "../cli.ts";
import type { Cli, Command } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import { bool, text } from "../flags.ts";
import { FORMAT_HELP, formatRows } from "../format.ts";
import type { Row } from "../format.ts";
import { versionLine } from "../version.ts";

const HEADERS = { Name: "NAME/NODE", Driver: "DRIVER/ENDPOINT", Status: "STATUS", Version: "VERSION", Platforms: "PLATFORMS" };
const TABLE = "table {{.Name}}{{if .Current}}*{{end}}\t{{.Driver}}\t{{.Status}}\t{{.Version}}\t{{.Platforms}}";

/** The engine's context gives the builder its name, as with docker's own. */
async function nameOf(cli: Cli): Promise<string> {
  const target = await findTarget(cli);
  return target.own ? "default" : target.context;
}

async function checkName(cli: Cli, given: string | undefined): Promise<string> {
  const name = await nameOf(cli);
  if (given === undefined || given === name) return name;
  throw new Error(`no builder "${given}" found: there is one, "${name}", which is the engine itself`);
}

async function describe(cli: Cli): Promise<Row> {
  const { ServerVersion, OSType, Architecture } = await (await cli.client()).system.info({ signal: cli.signal });
  const architecture = { x86_64: "amd64", aarch64: "arm64" }[Architecture] ?? Architecture;
  const endpoint = await nameOf(cli);
  return { Name: endpoint, Driver: "docker", Status: "running", Version: ServerVersion, Platforms: `${OSType}/${architecture}`, Current: true }; // oxfmt-ignore
}

export const buildxLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text(FORMAT_HELP), "no-trunc": bool("Don't truncate output") },
  async run(cli, { flags }) {
    const builder = await describe(cli);
    cli.out(formatRows([builder], { format: flags.format, table: TABLE, headers: { ...HEADERS, Current: "" } }));
  },
});

export const buildxInspect = command({
  usage: "[NAME]",
  about: "Show the builder, which is the engine itself",
  arity: [0, 1],
  flags: { bootstrap: bool("Start the engine, which asking does anyhow") },
  async run(cli, { args: [given] }) {
    await checkName(cli, given);
    const { Name, Driver, Status, Version, Platforms } = await describe(cli);
    const node = [["Name:", Name], ["Endpoint:", Name], ["Status:", Status], ["Version:", Version], ["Platforms:", Platforms]]; // oxfmt-ignore
    cli.print(`Name:   ${String(Name)}\nDriver: ${String(Driver)}\n\nNodes:`);
    for (const [label, value] of node) cli.print(`${String(label).padEnd(11)}${String(value)}`);
  },
});

export const buildxVersion = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    cli.print(versionLine());
  },
});

export const buildxUse = command({
  usage: "[OPTIONS] NAME",
  about: "Choose the builder: there is one, and it is chosen",
  arity: [1, 1],
  flags: { default: bool("It is the default anyhow"), global: bool("It is chosen everywhere anyhow") },
  async run(cli, { args: [given] }) {
    await checkName(cli, given);
  },
});

/** As with docker's own driver, where nothing is there to be stopped. */
export const buildxStop = command({
  usage: "[NAME...]",
  arity: [0, Infinity],
  flags: {},
  async run(cli, { args }) {
    for (const given of args) await checkName(cli, given);
  },
});

/** A word that is understood, and refused with what to do instead. */
const refused = (advice: string): Command =>
  command({
    usage: "",
    arity: [0, Infinity],
    raw: true,
    flags: {},
    async run(cli, { args, path }) {
      if (args.includes("--help")) return cli.print(`Usage:  ${path}\n\nNot there: ${advice}`);
      throw new ExitError(1, `${path} is not there: ${advice}`);
    },
  });

const WITH_BUILDX = 'docker\'s buildx does it on this engine: DOCKER_HOST="$(berth engine socket)" docker buildx';

export const buildxBake = refused(
  `"berth compose build" builds what a compose file names, "berth build" one Dockerfile. Of other files, ${WITH_BUILDX} bake`,
);
export const buildxCreate = refused('there is one builder, the engine itself, which "berth build" starts: leave this step out');
export const buildxRm = refused('there is one builder, the engine itself: "berth builder prune" empties its cache, "berth engine stop" ends it'); // oxfmt-ignore
export const buildxImagetools = refused(
  '"berth manifest inspect" shows an image of a registry, "berth manifest create" and "push" make one of several',
);
export const buildxHistory = refused(`"berth builds" has ls, inspect, logs, rm, and more. For traces and exports, ${WITH_BUILDX} history`);
