import { isStatus } from "../../client/errors.ts";
import type { Network } from "../../api/types/network.ts";
import { command } from "../cli.ts";
import { describeError } from "../errors.ts";
import { FORMAT_HELP, formatLabels, formatRows, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, filter, text } from "../flags.ts";
import { formatTime } from "../time.ts";

const HEADERS = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv4: "IPV4",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};

export const networkLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filter('Provide filter values (e.g. "driver=bridge")', { short: "f" }),
    format: text(FORMAT_HELP),
    "no-trunc": bool("Do not truncate the output"),
    quiet: bool("Only display network IDs", { short: "q" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const networks = await client.networks.list({ filters: flags.filter, signal: cli.signal });
    const format = flags.format || (flags.quiet ? "" : ((await cli.settings()).file.networksFormat ?? ""));
    const sorted = networks.toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
    const rows = sorted.map((network) => networkRow(network, flags["no-trunc"]));
    const table = flags.quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
    const raw = `network_id: {{.ID}}${flags.quiet ? "" : "\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"}`;
    cli.out(formatRows(rows, { format, table, raw, headers: HEADERS, type: "*network.networkContext" }));
  },
});

function networkRow(network: Network, full: boolean): Row {
  return {
    ID: full ? network.Id : shortId(network.Id),
    Name: network.Name,
    Driver: network.Driver,
    Scope: network.Scope,
    IPv4: String(network.EnableIPv4),
    IPv6: String(network.EnableIPv6),
    Internal: String(network.Internal),
    Labels: formatLabels(network.Labels),
    Label: (name: unknown) => network.Labels?.[String(name)] ?? "",
    CreatedAt: formatTime(network.Created.replace(/(\.\d*?)0+Z$/, "$1Z").replace(".Z", "Z")),
  };
}

export const networkRm = command({
  usage: "NETWORK [NETWORK...]",
  arity: [1, Infinity],
  flags: {
    force: bool("Do not error if the network does not exist", { short: "f" }),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    let failed = false;
    for (const name of args) {
      try {
        await client.networks.remove(name, { signal: cli.signal });
        cli.print(name);
      } catch (error) {
        if (cli.signal.aborted) throw error;
        if (flags.force && isStatus(error, 404)) continue;
        failed = true;
        cli.complain(describeError(error));
      }
    }
    if (failed) cli.complain("exit status 1");
    return failed ? 1 : 0;
  },
});
