import type { DiskUsage } from "../../client/system.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { FORMAT_HELP, formatRows, formatValue, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";
import { imageRows } from "./images.ts";
import { containerRow } from "./ps.ts";
import { volumeRow } from "./volume.ts";

const HEADERS = { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" };

export const systemDf = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    format: text(FORMAT_HELP),
    verbose: bool("Show detailed information on space usage", { short: "v" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const usage = await client.system.diskUsage({ signal: cli.signal });
    if (flags.verbose)
      return flags.format
        ? cli.print(formatValue(flags.format, detailsOf(cli, usage), { type: "*formatter.diskUsageContext" }))
        : showDetails(cli, usage);
    const table = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
    cli.out(
      formatRows([imagesRow(usage), containersRow(usage), volumesRow(usage), cacheRow(usage)], {
        format: flags.format,
        table,
        raw: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n",
        headers: HEADERS,
        type: "*formatter.diskUsageImagesContext",
      }),
    );
  },
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

interface Total {
  readonly Type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** Shows the part of the whole in percent. */
  readonly percent: boolean;
}

function totalRow({ Type, total, active, size, reclaimable, percent }: Total): Row {
  const part = percent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : "";
  return { Type, TotalCount: String(total), Active: String(active), Size: humanSize(size), Reclaimable: humanSize(reclaimable) + part };
}

function imagesRow({ Images, LayersSize = 0 }: DiskUsage): Row {
  const images = Images ?? [];
  const used = images.filter(({ Containers }) => Containers > 0);
  const needed = sum(used.map(({ Size, SharedSize }) => (Size === -1 || SharedSize === -1 ? 0 : Size - SharedSize)));
  const reclaimable = LayersSize - needed;
  return totalRow({ Type: "Images", total: images.length, active: used.length, size: LayersSize, reclaimable, percent: true });
}

function containersRow({ Containers }: DiskUsage): Row {
  const containers = Containers ?? [];
  const active = containers.filter(({ State }) => ["running", "paused", "restarting"].includes(State));
  const size = sum(containers.map(({ SizeRw = 0 }) => SizeRw));
  const reclaimable = size - sum(active.map(({ SizeRw = 0 }) => SizeRw));
  return totalRow({ Type: "Containers", total: containers.length, active: active.length, size, reclaimable, percent: true });
}

function volumesRow({ Volumes }: DiskUsage): Row {
  const volumes = Volumes ?? [];
  const used = volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0);
  const sizeOf = (list: typeof volumes): number => sum(list.map(({ UsageData }) => Math.max(0, UsageData?.Size ?? 0)));
  const size = sizeOf(volumes);
  return totalRow({
    Type: "Local Volumes",
    total: volumes.length,
    active: used.length,
    size,
    reclaimable: size - sizeOf(used),
    percent: true,
  });
}

function cacheRow({ BuildCache }: DiskUsage): Row {
  const cache = BuildCache ?? [];
  const active = cache.filter(({ InUse }) => InUse);
  const size = sum(cache.filter(({ Shared }) => !Shared).map(({ Size }) => Size));
  const used = sum(cache.filter(({ InUse, Shared }) => InUse && !Shared).map(({ Size }) => Size));
  return totalRow({ Type: "Build Cache", total: cache.length, active: active.length, size, reclaimable: size - used, percent: false });
}

/** Rows of everything, for templates. */
function detailsOf(cli: Cli, usage: DiskUsage): Record<string, readonly Row[]> {
  const now = cli.now();
  const images = (usage.Images ?? []).flatMap((image) => imageRows(image, { now, full: false, digests: false }).slice(0, 1));
  const containers = (usage.Containers ?? []).map((container) => ({
    ...containerRow(container, { now, full: false }),
    Size: humanSize(container.SizeRw ?? 0, 3),
  }));
  return { Images: images, Containers: containers, Volumes: (usage.Volumes ?? []).map(volumeRow), BuildCache: cacheRows(usage, now) };
}

function showDetails(cli: Cli, usage: DiskUsage): void {
  const { Images = [], Containers = [], Volumes = [], BuildCache = [] } = detailsOf(cli, usage);
  const show = (rows: readonly Row[], table: string, headers: Record<string, string>): string =>
    formatRows(rows, { format: "", table, headers });
  cli.out(`Images space usage:\n\n${show(Images, IMAGES_TABLE, IMAGES_HEADERS)}\n`);
  cli.out(`Containers space usage:\n\n${show(Containers, CONTAINERS_TABLE, CONTAINERS_HEADERS)}\n`);
  cli.out(
    `Local Volumes space usage:\n\n${show(Volumes, "table {{.Name}}\t{{.Links}}\t{{.Size}}", { Name: "VOLUME NAME", Links: "LINKS", Size: "SIZE" })}\n`,
  );
  const unshared = (usage.BuildCache ?? []).filter(({ Shared }) => !Shared);
  const total = humanSize(sum(unshared.map(({ Size }) => Size)));
  cli.out(`Build cache usage: ${total}\n\n${show(BuildCache, CACHE_TABLE, CACHE_HEADERS)}`);
}

const IMAGES_TABLE =
  "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
const IMAGES_HEADERS = {
  Repository: "REPOSITORY",
  Tag: "TAG",
  ID: "IMAGE ID",
  CreatedSince: "CREATED",
  Size: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  Containers: "CONTAINERS",
};
const CONTAINERS_TABLE = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";
const CONTAINERS_HEADERS = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  LocalVolumes: "LOCAL VOLUMES",
  Size: "SIZE",
  RunningFor: "CREATED",
  Status: "STATUS",
  Names: "NAMES",
};
const CACHE_TABLE = "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";
const CACHE_HEADERS = {
  ID: "CACHE ID",
  CacheType: "CACHE TYPE",
  Size: "SIZE",
  CreatedSince: "CREATED",
  LastUsedSince: "LAST USED",
  UsageCount: "USAGE",
  Shared: "SHARED",
};

function cacheRows({ BuildCache }: DiskUsage, now: number): Row[] {
  const since = (time: string | null): string => (time ? `${humanDuration(now - Date.parse(time))} ago` : "");
  return (BuildCache ?? []).map((entry) => ({
    ID: shortId(entry.ID) + (entry.InUse ? "*" : ""),
    CacheType: entry.Type,
    Size: humanSize(entry.Size, 3),
    CreatedSince: since(entry.CreatedAt),
    LastUsedSince: since(entry.LastUsedAt),
    UsageCount: String(entry.UsageCount),
    Shared: String(entry.Shared),
  }));
}
