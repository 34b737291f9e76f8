import { command } from "../cli.ts";
import { ellipsis, formatRows } from "../format.ts";
import { bool, filter, int, text } from "../flags.ts";

const HEADERS = { Name: "NAME", Description: "DESCRIPTION", StarCount: "STARS", IsOfficial: "OFFICIAL", IsAutomated: "AUTOMATED" };

export const search = command({
  usage: "[OPTIONS] TERM",
  arity: [1, 1],
  flags: {
    filter: filter("Filter output based on conditions provided", { short: "f" }),
    format: text("Pretty-print search using a Go template"),
    limit: int("Max number of search results"),
    "no-trunc": bool("Don't truncate output"),
  },
  async run(cli, { args: [term = ""], flags }) {
    const client = await cli.client();
    const found = await client.images.search(term, { limit: flags.limit, filters: flags.filter, signal: cli.signal });
    const rows = found.map((image) => ({
      Name: image.name,
      Description: flags["no-trunc"] ? image.description : ellipsis(image.description.replaceAll("\n", " "), 45),
      StarCount: String(image.star_count),
      IsOfficial: image.is_official ? "[OK]" : "",
      IsAutomated: image.is_automated ? "[OK]" : "",
    }));
    const table = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
    cli.out(formatRows(rows, { format: flags.format, table, headers: HEADERS }));
  },
});
