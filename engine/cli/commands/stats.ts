import type { DockerClient } from "../../client/client.ts";
import { blockBytes, cpuPercent, memoryUsage, networkBytes } from "../../client/stats.ts";
import type { ContainerStats } from "../../client/stats.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { FORMAT_HELP, formatRows, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { binarySize, humanSize } from "../../syntax/size.ts";

const HEADERS = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};

const TABLE = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

export const stats = command({
  usage: "[OPTIONS] [CONTAINER...]",
  arity: [0, Infinity],
  flags: {
    all: bool("Show all containers (default shows just running)", { short: "a" }),
    format: text(FORMAT_HELP),
    "no-stream": bool("Disable streaming stats and only pull the first result"),
    "no-trunc": bool("Do not truncate output"),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    const format = flags.format || ((await cli.settings()).file.statsFormat ?? "");
    const show = (rows: readonly Row[]): string =>
      formatRows(rows, { format, table: TABLE, headers: HEADERS, type: "*container.statsContext" });
    const options = { args, all: flags.all, full: flags["no-trunc"] };
    if (flags["no-stream"]) cli.out(show(await sampleAll(client, cli, options)));
    else await follow(cli, client, { ...options, show });
  },
});

interface SampleOptions {
  readonly args: readonly string[];
  readonly all: boolean;
  readonly full: boolean;
}

async function chosen(client: DockerClient, { signal }: Cli, { args, all }: SampleOptions): Promise<readonly string[]> {
  if (args.length > 0) return args;
  return (await client.containers.list({ all, signal })).map(({ Id }) => Id);
}

async function sampleAll(client: DockerClient, cli: Cli, options: SampleOptions): Promise<Row[]> {
  const names = await chosen(client, cli, options);
  const { signal } = cli;
  return Promise.all(names.map(async (name) => statsRow(await client.containers.stats(name, { signal }), name, options.full)));
}

/** Draws anew each second; on a terminal in place. Containers that come and go are followed when none was named. */
async function follow(cli: Cli, client: DockerClient, options: SampleOptions & { show: (rows: readonly Row[]) => string }): Promise<void> {
  for (;;) {
    const rows = await sampleAll(client, cli, options);
    const clear = cli.stdout.isTTY ? "\x1b[H\x1b[2J" : "";
    cli.out(clear + options.show(rows));
    // A sample takes a second by itself; without one, wait as long.
    if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
    cli.signal.throwIfAborted();
  }
}

function statsRow(sample: ContainerStats, name: string, full: boolean): Row {
  const used = memoryUsage(sample);
  const { limit = 0 } = sample.memory_stats;
  const network = networkBytes(sample);
  const block = blockBytes(sample);
  const off = sample.read.startsWith("0001-");
  return {
    Container: name,
    ID: full ? sample.id : shortId(sample.id),
    Name: sample.name.replace(/^\//, ""),
    CPUPerc: off ? "0.00%" : `${cpuPercent(sample).toFixed(2)}%`,
    MemUsage: off ? "0B / 0B" : `${binarySize(used)} / ${binarySize(limit)}`,
    MemPerc: off ? "0.00%" : `${(limit > 0 ? (used / limit) * 100 : 0).toFixed(2)}%`,
    NetIO: off ? "0B / 0B" : `${humanSize(network.received, 3)} / ${humanSize(network.sent, 3)}`,
    BlockIO: off ? "0B / 0B" : `${humanSize(block.read, 3)} / ${humanSize(block.written, 3)}`,
    PIDs: off ? "0" : String(sample.pids_stats.current ?? 0),
  };
}
