/** `buildx du`, from what the engine says of its build cache. */
import type { BuildCacheEntry } from "../../api/types/system.ts";
import { command } from "../cli.ts";
import { bool } from "../flags.ts";
import { formatRows } from "../format.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";

const HEADERS = { ID: "ID", Reclaimable: "RECLAIMABLE", Size: "SIZE", LastAccessed: "LAST ACCESSED" };

export const buildCacheUsage = command({
  usage: "[OPTIONS]",
  about: "Disk usage of the build cache",
  arity: [0, 0],
  flags: { verbose: bool("Provide a more verbose output") },
  async run(cli, { flags }) {
    const client = await cli.client();
    const entries = (await client.system.diskUsage({ signal: cli.signal })).BuildCache ?? [];
    if (flags.verbose) cli.out(entries.map(describe).join("\n"));
    else cli.out(formatRows(entries.map(row), { format: "", table: "table {{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastAccessed}}", headers: HEADERS })); // oxfmt-ignore
    cli.print(totals(entries));
  },
});

function row(entry: BuildCacheEntry): Record<string, string> {
  return { ID: entry.ID, Reclaimable: String(!entry.InUse), Size: humanSize(entry.Size), LastAccessed: lastAccess(entry) };
}

function lastAccess({ LastUsedAt }: BuildCacheEntry): string {
  return LastUsedAt ? `${humanDuration(Date.now() - Date.parse(LastUsedAt))} ago` : "";
}

function describe(entry: BuildCacheEntry): string {
  const lines = [["ID", entry.ID], ["Created at", entry.CreatedAt], ["Reclaimable", String(!entry.InUse)], ["Shared", String(entry.Shared)], ["Size", humanSize(entry.Size)], ["Description", entry.Description], ["Usage count", String(entry.UsageCount)], ["Last used", lastAccess(entry)], ["Type", entry.Type]]; // oxfmt-ignore
  return `${lines.map(([name, value]) => `${name}:\t${value}`).join("\n")}\n`;
}

function totals(entries: readonly BuildCacheEntry[]): string {
  const bytes = (some: readonly BuildCacheEntry[]): string => humanSize(some.reduce((total, { Size }) => total + Size, 0));
  const shared = entries.filter(({ Shared }) => Shared);
  const parts = shared.length > 0 ? [`Shared:\t\t${bytes(shared)}`, `Private:\t${bytes(entries.filter(({ Shared }) => !Shared))}`] : [];
  return [...parts, `Reclaimable:\t${bytes(entries.filter(({ InUse }) => !InUse))}`, `Total:\t\t${bytes(entries)}`].join("\n");
}
