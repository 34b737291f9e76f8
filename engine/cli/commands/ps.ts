import type { ContainerSummary, Port } from "../../api/types/container.ts";
import { command } from "../cli.ts";
import { FORMAT_HELP, ellipsis, formatLabels, formatRows, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, filter, int, text } from "../flags.ts";
import { compileTemplate } from "../template/execute.ts";
import { formatTime } from "../time.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";

const TABLE = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

const RAW = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`;

/** Docker's Go type of a row. */
const TYPE = "*formatter.ContainerContext";

const HEADERS = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
  LocalVolumes: "LOCAL VOLUMES",
  Mounts: "MOUNTS",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
};

export const ps = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("Show all containers (default shows just running)", { short: "a" }),
    filter: filter("Filter output based on conditions provided", { short: "f" }),
    format: text(FORMAT_HELP),
    last: int("Show n last created containers (includes all states)", { short: "n", defaultText: "-1" }),
    latest: bool("Show the latest created container (includes all states)", { short: "l" }),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only display container IDs", { short: "q" }),
    size: bool("Display total file sizes", { short: "s" }),
  },
  async run(cli, { flags, given }) {
    const format = flags.format || (flags.quiet ? "" : ((await cli.settings()).file.psFormat ?? ""));
    if (flags.quiet && format) cli.complain("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    checkFormat(format);
    const client = await cli.client();
    const limit = flags.latest && !given.has("last") ? 1 : (flags.last ?? 0) > 0 ? flags.last : undefined;
    const containers = await client.containers.list({
      all: flags.all,
      limit,
      size: flags.size || /\.Size|json \.\s*\}/.test(format),
      filters: flags.filter,
      signal: cli.signal,
    });
    const table = flags.quiet ? "{{.ID}}" : `${TABLE}${flags.size ? "\t{{.Size}}" : ""}`;
    const options = { now: cli.now(), full: flags["no-trunc"] };
    const rows = containers.map((container) => containerRow(container, options));
    const raw = flags.quiet ? "container_id: {{.ID}}" : `${RAW}${flags.size ? "size: {{.Size}}\n" : ""}`;
    const shown = flags.quiet && format !== "raw" ? "" : format;
    cli.out(formatRows(rows, { format: shown, table, raw, headers: HEADERS, type: TYPE }));
  },
});

const NO_CONTAINER = { Id: "", Names: [], Image: "", ImageID: "", Command: "", Created: 0, Ports: [], Labels: {}, State: "", Status: "" };

/** As docker does, before it asks: a template that cannot be run is an error without any container, too. */
function checkFormat(format: string): void {
  let doing = "parse";
  try {
    const template = compileTemplate(format, { type: TYPE });
    doing = "execute";
    template(containerRow(NO_CONTAINER as unknown as ContainerSummary, { now: 0, full: false }));
  } catch (error) {
    throw new Error(`failed to ${doing} template: ${(error as Error).message}`, { cause: error });
  }
}

/** A container as lists show it. */
export function containerRow(container: ContainerSummary, options: { now: number; full: boolean }): Row {
  const { now, full } = options;
  const names = container.Names.map((name) => name.replace(/^\//, ""));
  const mounts = (container.Mounts ?? []).map((mount) => mount.Name || mount.Source);
  return {
    ID: full ? container.Id : shortId(container.Id),
    Names: (full ? names : names.filter((name) => !name.includes("/")).slice(0, 1)).join(","),
    Image: imageName(container, full),
    Command: JSON.stringify(full ? container.Command : ellipsis(container.Command, 20)),
    CreatedAt: formatTime(container.Created * 1000),
    RunningFor: `${humanDuration(now - container.Created * 1000)} ago`,
    Ports: formatPorts(container.Ports ?? []),
    State: container.State,
    Status: container.Status,
    Size: formatSize(container),
    Labels: formatLabels(container.Labels),
    Label: (name: unknown) => container.Labels?.[String(name)] ?? "",
    Mounts: mounts.map((mount) => (full ? mount : ellipsis(mount, 15))).join(","),
    LocalVolumes: String((container.Mounts ?? []).filter((mount) => mount.Driver === "local").length),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(","),
    Platform: (container as { Platform?: unknown }).Platform ?? null,
  };
}

function imageName({ Image, ImageID }: ContainerSummary, full: boolean): string {
  if (Image === "") return "<no image>";
  if (full) return Image;
  // Docker shows the short id for an image that was given by its id.
  if (shortId(Image) === shortId(ImageID)) return shortId(ImageID);
  return Image.replace(/@sha256:[\da-f]{64}$/, "");
}

function formatSize({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = humanSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own;
}

/** Ports as `docker ps` shows them: neighbors in one range, published ones with their address. */
export function formatPorts(ports: readonly Port[]): string {
  const groups = new Map<string, { first: number; last: number }>();
  const done: string[] = [];
  const mapped: string[] = [];
  for (const { IP, PrivatePort, PublicPort, Type } of ports.toSorted(comparePorts)) {
    if (IP && PublicPort !== PrivatePort) {
      mapped.push(`${joinAddress(IP, PublicPort ?? 0)}->${PrivatePort}/${Type}`);
      continue;
    }
    const key = IP ? `${IP}/${Type}` : Type;
    const group = groups.get(key);
    if (group && PrivatePort === group.last + 1) group.last = PrivatePort;
    else {
      if (group) done.push(formatGroup(key, group));
      groups.set(key, { first: PrivatePort, last: PrivatePort });
    }
  }
  return [...done, ...[...groups].map(([key, group]) => formatGroup(key, group)), ...mapped].join(", ");
}

function comparePorts(a: Port, b: Port): number {
  const byText = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    a.PrivatePort - b.PrivatePort || byText(a.IP ?? "", b.IP ?? "") || (a.PublicPort ?? 0) - (b.PublicPort ?? 0) || byText(a.Type, b.Type)
  );
}

function formatGroup(key: string, { first, last }: { first: number; last: number }): string {
  const slash = key.lastIndexOf("/");
  const range = first === last ? String(first) : `${first}-${last}`;
  if (slash < 0) return `${range}/${key}`;
  return `${joinAddress(key.slice(0, slash), range)}->${range}${key.slice(slash)}`;
}

/** `127.0.0.1:80`, `[::]:80`. */
export function joinAddress(address: string, port: string | number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
