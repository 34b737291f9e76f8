import type { ImageHistoryItem } from "../../api/types/image.ts";
import { command } from "../cli.ts";
import { FORMAT_HELP, ellipsis, formatRows, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, text } from "../flags.ts";
import { formatRfc3339 } from "../time.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";

const HEADERS = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};

export const history = command({
  usage: "[OPTIONS] IMAGE",
  arity: [1, 1],
  flags: {
    format: text(FORMAT_HELP),
    human: bool("Print sizes and dates in human readable format", { short: "H", initial: true }),
    "no-trunc": bool("Don't truncate output"),
    platform: text('Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
    quiet: bool("Only show image IDs", { short: "q" }),
  },
  async run(cli, { args: [name = ""], flags }) {
    const client = await cli.client();
    const items = await client.images.history(name, { platform: flags.platform || undefined, signal: cli.signal });
    const options = { now: cli.now(), full: flags["no-trunc"], human: flags.human };
    const created = flags.human ? "{{.CreatedSince}}" : "{{.CreatedAt}}";
    const table = flags.quiet ? "{{.ID}}" : `table {{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
    cli.out(
      formatRows(
        items.map((item) => historyRow(item, options)),
        { format: flags.format, table, headers: HEADERS, type: "*image.historyContext" },
      ),
    );
  },
});

function historyRow(item: ImageHistoryItem, { now, full, human }: { now: number; full: boolean; human: boolean }): Row {
  const created = item.Created * 1000;
  const by = item.CreatedBy.replaceAll("\t", " ");
  return {
    ID: full ? item.Id : shortId(item.Id),
    CreatedSince: item.Created === 0 ? "N/A" : human ? `${humanDuration(now - created)} ago` : formatRfc3339(created),
    CreatedAt: formatRfc3339(created),
    CreatedBy: full ? by : ellipsis(by, 45),
    Size: human ? humanSize(item.Size, 3) : String(item.Size),
    Comment: item.Comment,
  };
}
