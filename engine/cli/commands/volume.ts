import { isStatus } from "../../client/errors.ts";
import type { Volume } from "../../api/types/volume.ts";
import { command, forEach } from "../cli.ts";
import { FORMAT_HELP, formatLabels, formatRows } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, filter, list, map, text } from "../flags.ts";
import { pairs } from "../run-config/text.ts";
import { humanSize } from "../../syntax/size.ts";

export const volumeCreate = command({
  usage: "[OPTIONS] [VOLUME]",
  arity: [0, 1],
  flags: {
    driver: text("Specify volume driver name", { short: "d", initial: "local" }),
    label: list("Set metadata for a volume"),
    name: text("Specify volume name", { hidden: true }),
    opt: map("Set driver specific options", { short: "o" }),
  },
  async run(cli, { args, flags }) {
    if (flags.name && args[0])
      throw new Error("conflicting options: cannot specify a volume-name through both --name and as a positional arg");
    const name = args[0] ?? flags.name;
    const client = await cli.client();
    const volume = await client.volumes.create(
      {
        Driver: flags.driver,
        ...(Object.keys(flags.opt).length > 0 ? { DriverOpts: flags.opt } : {}),
        ...(flags.label.length > 0 ? { Labels: pairs(flags.label) } : {}),
        ...(name ? { Name: name } : {}),
      },
      { signal: cli.signal },
    );
    cli.print(volume.Name);
  },
});

const HEADERS = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Availability: "AVAILABILITY",
  Mountpoint: "MOUNTPOINT",
  Links: "LINKS",
  Size: "SIZE",
  Labels: "LABELS",
  Group: "GROUP",
  Status: "STATUS",
};

export const volumeLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filter('Provide filter values (e.g. "dangling=true")', { short: "f" }),
    format: text(FORMAT_HELP),
    quiet: bool("Only display volume names", { short: "q" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const volumes = await client.volumes.list({ filters: flags.filter, signal: cli.signal });
    const format = flags.format || (flags.quiet ? "" : ((await cli.settings()).file.volumesFormat ?? ""));
    const rows = volumes.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)).map(volumeRow);
    cli.out(
      formatRows(rows, {
        format,
        table: flags.quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}",
        raw: flags.quiet ? "name: {{.Name}}" : "name: {{.Name}}\ndriver: {{.Driver}}\n",
        headers: HEADERS,
        type: "*formatter.volumeContext",
      }),
    );
  },
});

/** A volume as lists show it. */
export function volumeRow(volume: Volume): Row {
  const usage = volume.UsageData;
  return {
    Name: volume.Name,
    Driver: volume.Driver,
    Scope: volume.Scope,
    Mountpoint: volume.Mountpoint,
    Availability: "N/A",
    Group: "N/A",
    Status: "N/A",
    Labels: formatLabels(volume.Labels),
    Label: (name: unknown) => volume.Labels?.[String(name)] ?? "",
    Links: usage ? String(usage.RefCount) : "N/A",
    Size: usage ? humanSize(usage.Size) : "N/A",
  };
}

export const volumeRm = command({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  arity: [1, Infinity],
  about: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
  flags: {
    force: bool("Force the removal of one or more volumes", { short: "f" }),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    return forEach(cli, args, async (name) => {
      try {
        await client.volumes.remove(name, { force: flags.force, signal: cli.signal });
      } catch (error) {
        if (!flags.force || !isStatus(error, 404)) throw error;
      }
    });
  },
});
