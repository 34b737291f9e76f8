import { nameOf, numberOf, serviceOf } from "../../compose/observe.ts";
import { stats as containerStats } from "../commands/stats.ts";
import { bool, text } from "../flags.ts";
import { FORMAT_HELP } from "../format.ts";
import { alignTabs } from "../tabs.ts";
import { composeCommand } from "./compose.ts";
import { flagDefaults } from "./find.ts";
import { scene } from "./life.ts";
import { byText } from "./table.ts";

export const top = composeCommand({
  usage: "[SERVICES...]",
  about: "Displays the running processes",
  arity: [0, Infinity],
  flags: {},
  async run(compose, { args }) {
    const { containers } = await scene(compose, args);
    const client = await compose.client();
    const running = containers.filter(({ State }) => State === "running").toSorted((a, b) => byText(nameOf(a), nameOf(b)));
    const lists = await Promise.all(
      running.map(async (container) => ({ container, ...(await client.containers.top(container.Id, { signal: compose.signal })) })),
    );
    const titles = [...new Set(lists.flatMap(({ Titles }) => Titles))];
    const lines = lists.flatMap(({ container, Titles, Processes }) =>
      (Processes ?? []).map((process) =>
        [serviceOf(container), String(numberOf(container)), ...titles.map((title) => process[Titles.indexOf(title)] ?? "-")].join("\t"),
      ),
    );
    if (lines.length > 0)
      compose.cli.out(
        alignTabs([["SERVICE", "#", ...titles].join("\t"), ...lines], { minWidth: 4, padding: 2 })
          .map((line) => `${line}\n`)
          .join(""),
      );
  },
});

export const stats = composeCommand({
  usage: "[OPTIONS] [SERVICE]",
  about: "Display a live stream of container(s) resource usage statistics",
  arity: [0, 1],
  flags: {
    all: bool("Show all containers (default shows just running)", { short: "a" }),
    format: text(FORMAT_HELP),
    "no-stream": bool("Disable streaming stats and only pull the first result"),
    "no-trunc": bool("Do not truncate output"),
  },
  async run(compose, { args, flags, given, path }) {
    const { containers } = await scene(compose, args);
    const ids = containers.filter(({ State }) => flags.all || State === "running").map(({ Id }) => Id);
    if (ids.length === 0) return 0;
    return (
      (await containerStats.run(compose.cli, { args: ids, flags: { ...flagDefaults(containerStats.flags), ...flags }, given, path })) ?? 0
    );
  },
});
