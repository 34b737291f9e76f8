import { LABEL, labelFilter } from "../../compose/labels.ts";
import { ExitError } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { formatNanoseconds, readTimestamp } from "../time.ts";
import { composeCommand } from "./compose.ts";

export const events = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Stream container events for every container in the project.",
  arity: [0, Infinity],
  flags: {
    json: bool("Output events as a stream of json objects"),
    since: text("Show all events created since timestamp"),
    until: text("Stream events until this timestamp"),
  },
  async run(compose, { args, flags }) {
    const { project } = await compose.projectOrName(args);
    for (const name of args) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const client = await compose.client();
    const now = compose.cli.now();
    const options = { since: readTimestamp(flags.since, now), until: readTimestamp(flags.until, now) };
    const filters = { label: [labelFilter(LABEL.project, project.name)] };
    for await (const { event, timeNs } of client.system.timedEvents({ filters, ...options, signal: compose.signal })) {
      const { Type, Action, Actor } = event;
      const labels = Actor.Attributes ?? {};
      const service = labels[LABEL.service];
      // Events of networks and volumes belong to no service, and one-off containers to no replica.
      if (Type !== "container" || labels[LABEL.oneOff] === "True" || !service || (args.length > 0 && !args.includes(service))) continue;
      const attributes = Object.fromEntries(
        Object.entries(labels)
          .filter(([name]) => !name.startsWith("com.docker.compose."))
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
      if (flags.json)
        compose.cli.print(
          JSON.stringify({ action: Action, attributes, id: Actor.ID, service, time: formatNanoseconds(timeNs), type: "container" }),
        );
      else {
        const local = formatNanoseconds(timeNs).replace("T", " ").slice(0, 26);
        const list = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
        compose.cli.print(`${local} container ${Action} ${Actor.ID} (${list.join(", ")})`);
      }
    }
  },
});
