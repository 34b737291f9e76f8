import { execute } from "../../compose/execute.ts";
import { LABEL, labelFilter } from "../../compose/labels.ts";
import { isOneOff, nameOf, observe, serviceOf } from "../../compose/observe.ts";
import { planDown } from "../../compose/plan-down.ts";
import { PlanBuilder } from "../../compose/plan.ts";
import { ExitError } from "../cli.ts";
import { bool, int, text } from "../flags.ts";
import { confirm } from "../prompt.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";

export const down = composeCommand({
  usage: "[OPTIONS] [SERVICES]",
  about: "Stops containers and removes containers, networks, volumes, and images created by `up`.",
  arity: [0, Infinity],
  flags: {
    "no-deps": bool("Remove only the named services' containers (they are the only ones anyway)", { hidden: true }),
    "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
    rmi: text('Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")'),
    timeout: int("Specify a shutdown timeout in seconds", { short: "t" }),
    volumes: bool(
      'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
      { short: "v" },
    ),
  },
  async run(compose, { args, flags, given }) {
    if (flags.rmi && flags.rmi !== "all" && flags.rmi !== "local")
      throw new ExitError(1, `invalid value for --rmi: ${JSON.stringify(flags.rmi)}`);
    const { project, withoutFile } = await compose.projectOrName(args);
    for (const name of args) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const client = await compose.client();
    const present = await observe(client, project, { services: [], signal: compose.signal });
    const plan = planDown(project, present, {
      services: args,
      volumes: flags.volumes,
      removeOrphans: flags["remove-orphans"] || /^(1|true)$/i.test(compose.cli.env["COMPOSE_REMOVE_ORPHANS"] ?? ""),
      withoutFile,
      ...(flags.rmi ? { images: flags.rmi as "all" | "local", builtImages: await builtImages(compose, project.name) } : {}),
    });
    if (plan.steps.length === 0 && args.length === 0)
      compose.warn("Warning: No resource found to remove for project " + JSON.stringify(project.name) + ".");
    const stopTimeoutSeconds = given.has("timeout") ? flags.timeout : undefined;
    await compose.progress("Running", (progress) =>
      execute(client, plan, {
        project,
        present,
        onProgress: progress.event,
        onHookOutput: (_name, data) => void compose.cli.stdout.write(data),
        stopTimeoutSeconds,
        dryRun: compose.dryRun,
        parallel: compose.parallel,
        signal: compose.signal,
      }),
    );
  },
});

/** Names of images that builds of this project made. */
async function builtImages(compose: Compose, project: string): Promise<string[]> {
  const images = await (
    await compose.client()
  ).images.list({ filters: { label: [labelFilter(LABEL.project, project)] }, signal: compose.signal });
  return images.flatMap(({ RepoTags }) => (RepoTags ?? []).filter((tag) => tag.startsWith(`${project}-`)));
}

export const rm = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: `Removes stopped service containers

By default, anonymous volumes attached to containers are not removed. You
can override this with -v. To list all volumes, use "docker volume ls".

Any data which is not in a volume is lost.`,
  arity: [0, Infinity],
  flags: {
    all: bool("Obsolete. The default is to also remove containers made by `run`", { short: "a", hidden: true }),
    force: bool("Don't ask to confirm removal", { short: "f" }),
    stop: bool("Stop the containers, if required, before removing", { short: "s" }),
    volumes: bool("Remove any anonymous volumes attached to containers", { short: "v" }),
  },
  async run(compose, { args, flags }) {
    const { project } = await compose.projectOrName(args);
    for (const name of args) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const client = await compose.client();
    const present = await observe(client, project, { services: [], signal: compose.signal });
    const chosen = present.containers.filter((one) =>
      args.length === 0 ? Object.hasOwn(project.services, serviceOf(one)) : args.includes(serviceOf(one)),
    );
    const going = chosen
      .filter((one) => flags.stop || !["running", "paused", "restarting"].includes(one.State))
      .filter((one) => flags.stop || !isOneOff(one) || one.State !== "running");
    if (going.length === 0) return compose.cli.complain("No stopped containers");
    const message = `Going to remove ${going.map(nameOf).join(", ")}`;
    if (flags.force || compose.dryRun) compose.cli.print(message);
    else if (!(await confirm(compose.cli, `? ${message}`))) return;
    const plan = new PlanBuilder();
    for (const container of going)
      plan.add({
        kind: "remove",
        id: nameOf(container),
        container: flags.stop ? container : { ...container, State: "removing" },
        service: serviceOf(container),
        volumes: flags.volumes,
        after: [],
        reason: "it was asked for",
      });
    await compose.progress("Removing", (progress) =>
      execute(client, plan.build(project.name), {
        project,
        present,
        onProgress: progress.event,
        dryRun: compose.dryRun,
        signal: compose.signal,
      }),
    );
  },
});
