import type { ContainerSummary } from "../../api/types/container.ts";
import { isOneOff, nameOf, serviceOf } from "../../compose/observe.ts";
import { ExitError } from "../cli.ts";
import { containerRow } from "../commands/ps.ts";
import { bool, list, text } from "../flags.ts";
import { formatRows } from "../format.ts";
import type { Row } from "../format.ts";
import { composeCommand } from "./compose.ts";
import { byText } from "./table.ts";

const HEADERS = {
  Name: "NAME",
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  Service: "SERVICE",
  RunningFor: "CREATED",
  CreatedAt: "CREATED AT",
  Status: "STATUS",
  State: "STATE",
  Health: "HEALTH",
  ExitCode: "EXIT CODE",
  Ports: "PORTS",
  Project: "PROJECT",
  Size: "SIZE",
  Labels: "LABELS",
  LocalVolumes: "LOCAL VOLUMES",
  Mounts: "MOUNTS",
  Networks: "NETWORKS",
  Names: "NAMES",
  Publishers: "PUBLISHERS",
};

const TABLE = "table {{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}";
const STATES = ["paused", "restarting", "removing", "running", "dead", "created", "exited"];

export const ps = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    all: bool("Show all stopped containers (including those created by the run command)", { short: "a" }),
    filter: text("Filter services by a property (supported filters: status)"),
    format: text(
      "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.",
    ),
    "no-trunc": bool("Don't truncate output"),
    orphans: bool("Include orphaned services (not declared by project)", { initial: true }),
    quiet: bool("Only display IDs", { short: "q" }),
    services: bool("Display services"),
    status: list("Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]", {
      type: "stringArray",
    }),
  },
  async run(compose, { args, flags }) {
    const wanted = statusesOf(flags.filter, flags.status);
    const { project } = await compose.projectOrName(args);
    for (const name of args)
      if (!Object.hasOwn(project.services, name) && !Object.hasOwn(project.disabledServices, name))
        throw new ExitError(1, `no such service: ${name}`);
    const { containersOf } = await import("./life.ts");
    const containers = (await containersOf(compose, project, args))
      .filter(
        (one) =>
          flags.all ||
          wanted.length > 0 ||
          (!isOneOff(one) && one.State !== "exited" && one.State !== "created" && one.State !== "dead") ||
          (isOneOff(one) && one.State === "running"),
      )
      .filter((one) => flags.orphans || Object.hasOwn(project.services, serviceOf(one)))
      .filter((one) => wanted.length === 0 || wanted.includes(one.State))
      .toSorted((a, b) => byText(nameOf(a), nameOf(b)));
    if (flags.quiet) return containers.forEach(({ Id }) => compose.cli.print(Id));
    if (flags.services) return [...new Set(containers.map(serviceOf))].forEach((name) => compose.cli.print(name));
    const rows = containers.map((one) => psRow(one, { project: project.name, now: compose.cli.now(), full: flags["no-trunc"] }));
    compose.cli.out(
      formatRows(rows, {
        format: flags.format === "" ? ((await compose.cli.settings()).file.psFormat ? "" : "") : flags.format,
        table: TABLE,
        headers: HEADERS,
      }),
    );
  },
});

function statusesOf(filter: string, statuses: readonly string[]): readonly string[] {
  const [, source, value = ""] = /^(\w+)=(.*)$/.exec(filter) ?? [];
  if (filter && source === undefined) throw new ExitError(1, "arguments to --filter should be in form KEY=VAL");
  if (source && source !== "status")
    throw new ExitError(1, source === "source" ? "filtering by source is not supported" : `unknown filter ${source}`);
  const wanted = value ? [...statuses, value] : statuses;
  for (const one of wanted)
    if (!STATES.includes(one)) throw new ExitError(1, `unknown status ${JSON.stringify(one)}: must be one of ${STATES.join(", ")}`);
  return wanted;
}

function psRow(container: ContainerSummary, options: { project: string; now: number; full: boolean }): Row {
  const { Platform: _platform, ...row } = containerRow(container, options);
  const health = /\((healthy|unhealthy|health: starting)\)/.exec(container.Status)?.[1];
  return {
    ...row,
    Names: nameOf(container),
    Name: nameOf(container),
    Project: options.project,
    Service: serviceOf(container),
    Health: health === "health: starting" ? "starting" : (health ?? ""),
    ExitCode: Number(/^Exited \((\d+)\)/.exec(container.Status)?.[1] ?? 0),
    Publishers: (container.Ports ?? []).map(({ IP = "", PrivatePort, PublicPort = 0, Type }) => ({
      URL: IP,
      TargetPort: PrivatePort,
      PublishedPort: PublicPort,
      Protocol: Type,
    })),
  };
}
