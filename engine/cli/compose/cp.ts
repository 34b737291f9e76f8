import { nameOf, serviceOf, isOneOff, numberOf } from "../../compose/observe.ts";
import { ExitError } from "../cli.ts";
import { cp as containerCp, splitPath } from "../commands/cp.ts";
import { bool, int } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { flagDefaults } from "./find.ts";
import { containersOf } from "./life.ts";

export const cp = composeCommand({
  usage: "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
  arity: [2, 2],
  flags: {
    all: bool("Include containers created by the run command"),
    archive: bool("Archive mode (copy all uid/gid information)", { short: "a" }),
    "follow-link": bool("Always follow symbol link in SRC_PATH", { short: "L" }),
    index: int("Index of the container if service has multiple replicas"),
  },
  async run(compose, { args: [from = "", to = ""], flags, given, path }) {
    const source = splitPath(from);
    const target = splitPath(to);
    if (source.container && target.container) throw new ExitError(1, "copying between services is not supported");
    const service = source.container ?? target.container;
    if (!service) throw new ExitError(1, "unknown copy direction");
    const { project } = await compose.projectOrName();
    const replicas = (await containersOf(compose, project, [service]))
      .filter((one) => serviceOf(one) === service && (flags.all || !isOneOff(one)) && (!flags.index || numberOf(one) === flags.index))
      .toSorted((a, b) => numberOf(a) - numberOf(b));
    if (replicas.length === 0) throw new ExitError(1, `no container found for service ${JSON.stringify(service)}`);
    // Into a service goes to all its containers; out of it comes from the first.
    const chosen = source.container ? replicas.slice(0, 1) : replicas;
    const defaults = { ...flagDefaults(containerCp.flags), quiet: true, archive: flags.archive, "follow-link": flags["follow-link"] };
    await compose.progress("Copying", async ({ event }) => {
      for (const container of chosen) {
        const name = nameOf(container);
        const words = source.container ? [`${name}:${source.path}`, to] : [from, `${name}:${target.path}`];
        const text = `copy ${words[0]} to ${words[1]}`;
        event({ id: name, text, status: "Copying", state: "working" });
        if (!compose.dryRun)
          await containerCp.run(compose.cli, {
            args: source.container ? [`${name}:${source.path}`, to] : [from, `${name}:${target.path}`],
            flags: defaults,
            given,
            path,
          });
        event({ id: name, text, status: "Copied", state: "done" });
      }
    });
  },
});
