import { attach as containerAttach } from "../commands/attach.ts";
import { nameOf } from "../../compose/observe.ts";
import { commitContainer } from "../commands/commit.ts";
import { exportContainer as containerExport } from "../commands/export.ts";
import { bool, int, list, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { findContainer, flagDefaults } from "./find.ts";

const INDEX = int("index of the container if service has multiple replicas.");

export const attach = composeCommand({
  usage: "[OPTIONS] SERVICE",
  arity: [1, 1],
  flags: {
    "detach-keys": text("Override the key sequence for detaching from a container."),
    index: INDEX,
    "no-stdin": bool("Do not attach STDIN"),
    "sig-proxy": bool("Proxy all received signals to the process", { initial: true }),
  },
  async run(compose, { args: [service = ""], flags: { index, ...flags }, given, path }) {
    const container = await findContainer(compose, service, { index });
    return (
      (await containerAttach.run(compose.cli, {
        args: [container.Id],
        flags: { ...flagDefaults(containerAttach.flags), ...flags },
        given,
        path,
      })) ?? 0
    );
  },
});

export const commit = composeCommand({
  usage: "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
  arity: [1, 2],
  flags: {
    author: text('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', { short: "a" }),
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    index: INDEX,
    message: text("Commit message", { short: "m" }),
    pause: bool("Pause container during commit", { short: "p", initial: true }),
  },
  async run(compose, { args: [service = "", target], flags: { index, ...flags } }) {
    const container = await findContainer(compose, service, { index, stopped: true });
    const name = nameOf(container);
    await compose.progress("Committing", async ({ event }) => {
      event({ id: name, text: `Commit ${name}`, status: "Committing", state: "working" });
      const id = compose.dryRun ? "" : await commitContainer(compose.cli, { name: container.Id, target }, flags);
      event({ id: name, text: `Commit ${name}`, status: `Committed as ${id}`, state: "done" });
    });
  },
});

export const exportContainer = composeCommand({
  usage: "[OPTIONS] SERVICE",
  arity: [1, 1],
  flags: { index: INDEX, output: text("Write to a file, instead of STDOUT", { short: "o" }) },
  async run(compose, { args: [service = ""], flags: { index, ...flags }, given, path }) {
    const container = await findContainer(compose, service, { index, stopped: true });
    const name = nameOf(container);
    await compose.progress("Exporting", async ({ event }) => {
      const line = { id: name, text: `export ${name} to ${flags.output}` };
      event({ ...line, status: "Exporting", state: "working" });
      if (!compose.dryRun) {
        const defaults = flagDefaults(containerExport.flags);
        await containerExport.run(compose.cli, { args: [container.Id], flags: { ...defaults, ...flags }, given, path });
      }
      event({ ...line, status: "Exported", state: "done" });
    });
  },
});
