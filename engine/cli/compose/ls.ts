import type { ContainerSummary } from "../../api/types/container.ts";
import { LABEL, labelFilter } from "../../compose/labels.ts";
import { isOneOff } from "../../compose/observe.ts";
import { volumeName } from "../../compose/plan-objects.ts";
import { ExitError } from "../cli.ts";
import { bool, filter, text } from "../flags.ts";
import { formatLabels, formatRows } from "../format.ts";
import { composeCommand } from "./compose.ts";
import { byText, wideTable } from "./table.ts";

export const ls = composeCommand({
  usage: "[OPTIONS]",
  about: "Lists running Compose projects",
  arity: [0, 0],
  flags: {
    all: bool("Show all stopped Compose projects", { short: "a" }),
    filter: filter("Filter output based on conditions provided"),
    format: text("Format the output. Values: [table | json]", { initial: "table" }),
    quiet: bool("Only display project names", { short: "q" }),
  },
  async run(compose, { flags }) {
    for (const name of Object.keys(flags.filter)) if (name !== "name") throw new ExitError(1, `invalid filter '${name}'`);
    const client = await compose.client();
    const containers = await client.containers.list({
      all: flags.all,
      filters: { label: [LABEL.project, LABEL.configHash] },
      signal: compose.signal,
    });
    const patterns = flags.filter["name"] ?? [];
    const rows = projectsOf(containers).filter(
      ({ Name }) => patterns.length === 0 || patterns.some((pattern) => new RegExp(pattern).test(Name)),
    );
    if (flags.quiet) return rows.forEach(({ Name }) => compose.cli.print(Name));
    if (flags.format === "json") return compose.cli.print(JSON.stringify(rows));
    if (flags.format !== "table")
      throw new ExitError(1, `format value ${JSON.stringify(flags.format)} could not be parsed: parsing failed`);
    compose.cli.out(
      wideTable(
        ["NAME", "STATUS", "CONFIG FILES"],
        rows.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]),
      ),
    );
  },
});

interface ProjectRow {
  readonly Name: string;
  readonly Status: string;
  readonly ConfigFiles: string;
}

function projectsOf(containers: readonly ContainerSummary[]): ProjectRow[] {
  const groups = Map.groupBy(
    containers.filter((one) => !isOneOff(one)),
    ({ Labels }) => Labels[LABEL.project] ?? "",
  );
  return [...groups]
    .map(([Name, group]) => {
      const states = [...Map.groupBy(group, ({ State }) => State)].toSorted(([a], [b]) => byText(a, b));
      const files = new Set(group.flatMap(({ Labels }) => (Labels[LABEL.configFiles] ?? "N/A").split(",")));
      return { Name, Status: states.map(([state, of]) => `${state}(${of.length})`).join(", "), ConfigFiles: [...files].join(",") };
    })
    .toSorted((a, b) => byText(a.Name, b.Name));
}

export const volumes = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    format: text(
      "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.",
    ),
    quiet: bool("Only display volume names", { short: "q" }),
  },
  async run(compose, { args, flags }) {
    const { project } = await compose.projectOrName(args);
    for (const name of args) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const used = new Set(
      args.flatMap((name) =>
        (project.services[name]?.volumes ?? []).flatMap(({ type, source }) =>
          type === "volume" && source ? [volumeName(project, source)] : [],
        ),
      ),
    );
    const all = await (
      await compose.client()
    ).volumes.list({ filters: { label: [labelFilter(LABEL.project, project.name)] }, signal: compose.signal });
    const rows = all.filter(({ Name }) => args.length === 0 || used.has(Name)).toSorted((a, b) => byText(a.Name, b.Name));
    if (flags.quiet) return rows.forEach(({ Name }) => compose.cli.print(Name));
    const table = rows.map(({ Name, Driver, Scope, Mountpoint, Labels }) => ({
      Name,
      Driver,
      Scope,
      Mountpoint,
      Labels: formatLabels(Labels),
      Availability: "N/A",
      Group: "N/A",
      Links: "N/A",
      Size: "N/A",
      Status: "N/A",
    }));
    compose.cli.out(
      formatRows(table, {
        format: flags.format,
        table: "table {{.Driver}}\t{{.Name}}",
        headers: { Driver: "DRIVER", Name: "VOLUME NAME", Scope: "SCOPE", Mountpoint: "MOUNTPOINT", Labels: "LABELS" },
      }),
    );
  },
});
