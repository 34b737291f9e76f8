import type { ContainerSummary } from "../../api/types/container.ts";
import type { DockerClient } from "../../client/client.ts";
import { LABEL, labelFilter } from "../../compose/labels.ts";
import { isOneOff, nameOf, numberOf, serviceOf } from "../../compose/observe.ts";
import { bool, int, text } from "../flags.ts";
import { readTimestamp } from "../time.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";
import { scene } from "./life.ts";
import { LogPrinter, logName } from "./log-printer.ts";

interface LogFlags {
  readonly follow: boolean;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly tail: string;
  readonly timestamps: boolean;
}

export const logs = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    follow: bool("Follow log output", { short: "f" }),
    index: int("index of the container if service has multiple replicas"),
    "no-color": bool("Produce monochrome output"),
    "no-log-prefix": bool("Don't print prefix in logs"),
    since: text("Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
    tail: text("Number of lines to show from the end of the logs for each container", { short: "n", initial: "all" }),
    timestamps: bool("Show timestamps", { short: "t" }),
    until: text("Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
  },
  async run(compose, { args, flags }) {
    const { cli } = compose;
    const now = cli.now();
    const options = { ...flags, since: readTimestamp(flags.since, now), until: readTimestamp(flags.until, now) };
    const { project, containers } = await scene(compose, args);
    const color = !flags["no-color"] && compose.ansi !== "never" && (cli.stdout.isTTY === true || compose.ansi === "always");
    const printer = new LogPrinter({ stdout: cli.stdout, stderr: cli.stdout, color, prefix: !flags["no-log-prefix"] });
    const chosen = containers.filter((one) => !flags.index || numberOf(one) === flags.index);
    const client = await compose.client();
    for (const container of chosen) printer.register(logName(project.name, nameOf(container)));
    const shown = new Set(chosen.map(({ Id }) => Id));
    const show = (container: ContainerSummary): Promise<void> =>
      copyLogs(client, container, { project: project.name, printer, options, signal: compose.signal });
    const copies = chosen.map(show);
    if (flags.follow && !flags.index)
      copies.push(
        followNew(compose, client, {
          project: project.name,
          services: args,
          shown,
          show,
          running: () => Promise.allSettled(copies.slice(0, chosen.length)),
        }),
      );
    await Promise.all(copies);
  },
});

interface Copy {
  readonly project: string;
  readonly printer: LogPrinter;
  readonly options: LogFlags;
  readonly signal: AbortSignal;
}

async function copyLogs(client: DockerClient, container: ContainerSummary, { project, printer, options, signal }: Copy): Promise<void> {
  const name = logName(project, nameOf(container));
  const { Config } = await client.containers.inspect(container.Id, { signal });
  const { follow, since, until, tail, timestamps } = options;
  const output = await client.containers.logs(container.Id, { follow, since, until, tail, timestamps, tty: Config.Tty ?? false, signal });
  for await (const { stream, data } of output.frames()) printer.write(name, stream, data);
  printer.flush(name);
}

interface Newcomers {
  readonly project: string;
  readonly services: readonly string[];
  readonly shown: Set<string>;
  readonly show: (container: ContainerSummary) => Promise<void>;
  readonly running: () => Promise<unknown>;
}

/** Containers that start while logs are followed are followed as well; ends when nothing is left to follow. */
async function followNew({ signal }: Compose, client: DockerClient, { project, services, shown, show, running }: Newcomers): Promise<void> {
  const abort = new AbortController();
  void running().then(() => abort.abort());
  const late: Promise<void>[] = [];
  try {
    const filters = { type: ["container"], event: ["start"], label: [labelFilter(LABEL.project, project)] };
    for await (const { Actor } of client.system.events({ filters, signal: AbortSignal.any([signal, abort.signal]) })) {
      const [container] = await client.containers.list({ all: true, filters: { id: [Actor.ID] }, signal });
      if (!container || isOneOff(container) || (services.length > 0 && !services.includes(serviceOf(container)))) continue;
      if (shown.has(container.Id)) continue;
      shown.add(container.Id);
      late.push(show(container));
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  }
  await Promise.all(late);
}
