import { execute } from "../../compose/execute.ts";
import { runHooks } from "../../compose/hooks.ts";
import { listContainers, nameOf, observe, replicasOf, serviceOf, isOneOff } from "../../compose/observe.ts";
import type { Present } from "../../compose/observe.ts";
import { dependentsOf, inStartOrder } from "../../compose/order.ts";
import { isOrphan } from "../../compose/plan-up.ts";
import { planStart, planStop } from "../../compose/plan-life.ts";
import type { Project } from "../../compose/project.ts";
import type { ContainerSummary } from "../../api/types/container.ts";
import type { DockerClient } from "../../client/client.ts";
import { isStatus } from "../../client/errors.ts";
import { ExitError } from "../cli.ts";
import { bool, int, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";

interface Scene {
  readonly project: Project;
  readonly present: Present;
  /** Containers of the services that were named, or of all. */
  readonly containers: readonly ContainerSummary[];
}

/** The project and the containers that a verb is about. @throws {ExitError} for a service that does not exist */
export async function scene(compose: Compose, names: readonly string[], options: { oneOff?: boolean } = {}): Promise<Scene> {
  const { project } = await compose.projectOrName(names);
  for (const name of names)
    if (!Object.hasOwn(project.services, name) && !Object.hasOwn(project.disabledServices, name))
      throw new ExitError(1, `no such service: ${name}`);
  const present = await observe(await compose.client(), project, { services: [], signal: compose.signal });
  const containers = present.containers.filter((one) => {
    if (isOneOff(one) && !options.oneOff) return false;
    return names.length === 0 ? !isOrphan(one, project) : names.includes(serviceOf(one));
  });
  return { project, present, containers };
}

async function carryOut(
  compose: Compose,
  { project, present }: Scene,
  plan: ReturnType<typeof planStop>,
  title: string,
  extra: { stopTimeoutSeconds?: number | undefined; waitTimeoutSeconds?: number | undefined } = {},
): Promise<void> {
  const client = await compose.client();
  await compose.progress(title, (progress) =>
    execute(client, plan, {
      project,
      present,
      ...extra,
      onProgress: progress.event,
      onHookOutput: (_name, data) => void compose.cli.stdout.write(data),
      dryRun: compose.dryRun,
      parallel: compose.parallel,
      signal: compose.signal,
    }),
  );
}

export const start = composeCommand({
  usage: "[SERVICE...]",
  arity: [0, Infinity],
  flags: {
    wait: bool("Wait for services to be running|healthy. Implies detached mode."),
    "wait-timeout": int("Maximum duration in seconds to wait for the project to be running|healthy"),
  },
  async run(compose, { args, flags }) {
    const found = await scene(compose, args);
    for (const name of args.length > 0 ? args : Object.keys(found.project.services))
      if (replicasOf(found.present.containers, name).length === 0 && (found.project.services[name]?.scale ?? 1) > 0)
        throw new ExitError(1, `service ${JSON.stringify(name)} has no container to start`);
    await carryOut(compose, found, planStart(found.project, found.present, { services: args, wait: flags.wait }), "Running", {
      waitTimeoutSeconds: flags["wait-timeout"] || undefined,
    });
  },
});

export const stop = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Stops running containers without removing them. They can be started again with `berth compose start`.",
  arity: [0, Infinity],
  flags: { timeout: int("Specify a shutdown timeout in seconds", { short: "t" }) },
  async run(compose, { args, flags, given }) {
    const found = await scene(compose, args);
    await carryOut(compose, found, planStop(found.project, found.containers), "Stopping", {
      stopTimeoutSeconds: given.has("timeout") ? flags.timeout : undefined,
    });
  },
});

export const restart = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Restarts all stopped and running services, or the specified services only.",
  arity: [0, Infinity],
  flags: { "no-deps": bool("Don't restart dependent services"), timeout: int("Specify a shutdown timeout in seconds", { short: "t" }) },
  async run(compose, { args, flags, given }) {
    const found = await scene(compose, args);
    const { services } = found.project;
    const names = new Set(args.length > 0 ? args : Object.keys(services));
    if (!flags["no-deps"]) for (const name of names) for (const other of dependentsOf(services, name, { restart: true })) names.add(other);
    const timeoutSeconds = given.has("timeout") ? flags.timeout : undefined;
    const client = await compose.client();
    await compose.progress("Restarting", async ({ event }) => {
      for (const name of inStartOrder(services).filter((one) => names.has(one)))
        await Promise.all(
          replicasOf(found.present.containers, name).map(async (container) => {
            const id = `Container ${nameOf(container)}`;
            event({ id, status: "Restarting", state: "working" });
            if (!compose.dryRun) {
              const service = services[name]!;
              const known = { id: container.Id, name: nameOf(container) };
              if (container.State === "running") await runHooks(client, known, service.pre_stop ?? [], { signal: compose.signal });
              await client.containers.restart(container.Id, { timeoutSeconds, signal: compose.signal });
              await runHooks(client, known, service.post_start ?? [], { signal: compose.signal });
            }
            event({ id, status: "Started", state: "done" });
          }),
        );
    });
  },
});

/** A verb that does one thing to each container, all at the same time. */
/** The engine says what is wrong with those that are paused, or are not. */
function isRunning({ State }: ContainerSummary): boolean {
  return State === "running" || State === "paused" || State === "restarting";
}

async function eachContainer(
  compose: Compose,
  containers: readonly ContainerSummary[],
  words: readonly [title: string, before: string, after: string],
  action: (id: string) => Promise<void>,
): Promise<void> {
  const [title, before, after] = words;
  await compose.progress(title, async ({ event }) => {
    const results = await Promise.allSettled(
      containers.map(async (container) => {
        const id = `Container ${nameOf(container)}`;
        if (before) event({ id, status: before, state: "working" });
        try {
          if (!compose.dryRun) await action(container.Id);
          event({ id, status: after, state: "done" });
        } catch (error) {
          if (before) event({ id, status: `Error while ${before}`, state: "error" });
          throw error;
        }
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  });
}

/** Does something to every running container of the services, and shows each. */
async function eachRunning(
  compose: Compose,
  names: readonly string[],
  words: Parameters<typeof eachContainer>[2],
  action: (client: DockerClient, id: string) => Promise<void>,
): Promise<void> {
  const { containers } = await scene(compose, names);
  const client = await compose.client();
  await eachContainer(compose, containers.filter(isRunning), words, (id) => action(client, id));
}

export const kill = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Forces running containers to stop by sending a `SIGKILL` signal.",
  arity: [0, Infinity],
  flags: {
    "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
    signal: text("SIGNAL to send to the container", { short: "s", initial: "SIGKILL" }),
  },
  async run(compose, { args, flags }) {
    const { project, present, containers } = await scene(compose, args, { oneOff: true });
    const client = await compose.client();
    if (flags["remove-orphans"])
      for (const one of present.containers.filter((container) => isOrphan(container, project)))
        await client.containers.remove(one.Id, { force: true, signal: compose.signal });
    const running = containers.filter(isRunning);
    if (running.length === 0) throw new ExitError(0, "no container to kill");
    await eachContainer(compose, running, ["Killing", "Killing", "Killed"], (id) =>
      client.containers.kill(id, { killSignal: flags.signal, signal: compose.signal }),
    );
  },
});

export const pause = composeCommand({
  usage: "[SERVICE...]",
  about: "Pauses running containers of a service. They can be unpaused with `berth compose unpause`.",
  arity: [0, Infinity],
  flags: {},
  run: (compose, { args }) =>
    eachRunning(compose, args, ["Pausing", "", "Paused"], (client, id) => client.containers.pause(id, { signal: compose.signal })),
});

export const unpause = composeCommand({
  usage: "[SERVICE...]",
  about: "Unpauses paused containers of a service",
  arity: [0, Infinity],
  flags: {},
  run: (compose, { args }) =>
    eachRunning(compose, args, ["Unpausing", "", "Unpaused"], (client, id) => client.containers.unpause(id, { signal: compose.signal })),
});

export const wait = composeCommand({
  usage: "SERVICE [SERVICE...] [OPTIONS]",
  about: "Block until containers of all (or specified) services stop.",
  arity: [1, Infinity],
  flags: { "down-project": bool("Drops project when the first container stops") },
  async run(compose, { args, flags }) {
    const { project, containers } = await scene(compose, args);
    const client = await compose.client();
    const running = containers.filter(({ State }) => State !== "exited" && State !== "created");
    if (running.length === 0) throw new ExitError(1, `no containers for project ${JSON.stringify(project.name)}`);
    const codes = running.map(async ({ Id }) => {
      const code = await client.containers.wait(Id, { signal: compose.signal }).then(
        ({ StatusCode }) => StatusCode,
        (error: unknown) => {
          if (isStatus(error, 404)) return 0;
          throw error;
        },
      );
      compose.cli.print(String(code));
      return code;
    });
    if (!flags["down-project"]) return (await Promise.all(codes)).at(-1) ?? 0;
    const code = await Promise.race(codes);
    Promise.allSettled(codes).catch(() => {});
    const { down } = await import("./down.ts");
    await down.run(compose, {
      args: [],
      flags: { "no-deps": false, "remove-orphans": false, rmi: "", timeout: undefined, volumes: false },
      given: new Set(),
      path: "",
    });
    return code;
  },
});

/** Containers of the services, one-off ones too if asked; for verbs that only look. */
export async function containersOf(compose: Compose, project: Project, names: readonly string[]): Promise<ContainerSummary[]> {
  const all = await listContainers(await compose.client(), project.name, { signal: compose.signal });
  return all.filter((one) => names.length === 0 || names.includes(serviceOf(one)));
}
