/**
 * `up` in the foreground: shows what the containers say until they have ended or the user has had enough.
 */
import type { Project } from "../../compose/project.ts";
import { execute } from "../../compose/execute.ts";
import { listContainers, nameOf, observe, serviceOf } from "../../compose/observe.ts";
import { planStop } from "../../compose/plan-down.ts";
import { ExitError } from "../cli.ts";
import { describeError } from "../errors.ts";
import type { Compose } from "./compose.ts";
import { converge } from "./converge.ts";
import type { ConvergeOptions } from "./converge.ts";
import { Follower } from "./follow.ts";
import type { Ended } from "./follow.ts";
import { LogPrinter, logName } from "./log-printer.ts";
import { openMenu } from "./menu.ts";

export interface AttachedOptions {
  readonly converge: ConvergeOptions;
  readonly shows: (service: string) => boolean;
  readonly color: boolean;
  readonly prefix: boolean;
  readonly timestamps: boolean;
  readonly abortOnExit: boolean;
  readonly abortOnFailure: boolean;
  /** Empty: none. */
  readonly exitCodeFrom: string;
  readonly watch: boolean;
  /** Keys do something while the containers run. */
  readonly menu: boolean;
}

/** @returns the exit status */
export async function upAttached(compose: Compose, project: Project, options: AttachedOptions): Promise<number> {
  const { cli } = compose;
  const client = await compose.client();
  const color = options.color && compose.ansi !== "never" && (cli.stdout.isTTY === true || compose.ansi === "always");
  const printer = new LogPrinter({ stdout: cli.stdout, stderr: cli.stderr, color, prefix: options.prefix, timestamps: options.timestamps });
  type End = Ended | NodeJS.Signals | "all" | "detached";
  let finish: (end: End) => void = () => {};
  const finished = new Promise<End>((resolve) => (finish = resolve));
  let last: Ended | undefined;
  let started = false;
  const follower = new Follower(client, {
    project: project.name,
    printer,
    shows: options.shows,
    onEnd: (ended) => {
      if (!options.exitCodeFrom || ended.service === options.exitCodeFrom) last = ended;
      const aborts = options.abortOnExit || (options.abortOnFailure && ended.exitCode !== 0);
      if (aborts) finish(ended);
      else if (started && follower.running === 0) finish("all");
    },
  });
  follower.listen();
  let signals = 0;
  let force: () => void = () => {};
  const forced = new Promise<"forced">((resolve) => (force = () => resolve("forced")));
  const onSignal = (name: NodeJS.Signals): void => {
    if (++signals > 1) return force();
    if (name === "SIGINT") cli.complain("Gracefully Stopping... press Ctrl+C again to force");
    finish(name);
  };
  const untake = cli.signals.take(onSignal);
  let closeMenu = (): void => {};
  try {
    await attachRunning(compose, project, { follower, services: options.converge });
    const abort = new AbortController();
    let planned = false;
    let announce = (): void => {};
    const up = converge(compose, project, {
      ...options.converge,
      onPlan: (plan) => {
        planned = true;
        const all = plan.steps.flatMap((step) =>
          step.kind === "keep" || step.kind === "create"
            ? [{ service: step.service, name: step.kind === "keep" ? nameOf(step.container) : step.name }]
            : [],
        );
        const shown = all.filter(({ service }) => options.shows(service)).map(({ name }) => logName(project.name, name));
        for (const name of shown) printer.register(name);
        // Said when all is made and the first one starts.
        announce = () => {
          announce = () => {};
          cli.print(`Attaching to ${shown.toSorted().join(", ")}`);
        };
      },
      execute: {
        ...options.converge.execute,
        enough: abort.signal,
        beforeStart: (one) => (announce(), follower.attach(one)),
        onHookOutput: (name, data) => printer.write(logName(project.name, name), "stdout", data),
      },
    });
    const early = await Promise.race([up.then(() => undefined), finished]);
    started = true;
    if (early === undefined) announce();
    if (early === undefined && follower.running === 0) finish("all");
    const toggleWatch = watchSwitch(compose, project, { options, signal: abort.signal, printer });
    if (options.watch) toggleWatch();
    if (options.menu)
      closeMenu = openMenu(cli, { watch: toggleWatch, detach: () => finish("detached"), interrupt: () => onSignal("SIGINT") });
    const end = await finished;
    abort.abort();
    // A start that has begun would outlive the stop: it is waited for, and no other one begins.
    const settled = up.then(
      () => {},
      () => {},
    );
    if (planned) await Promise.race([settled, forced]);
    if (end === "detached") return 0;
    if (end === "all") return options.exitCodeFrom || options.abortOnFailure ? (last?.exitCode ?? 0) : 0;
    if (typeof end !== "string")
      cli.complain(color ? "\x1b[31m\x1b[1mAborting on container exit...\x1b[0m" : "Aborting on container exit...");
    const stopped = stopAll(compose, project, options).then((ids) => follower.drained(ids));
    await Promise.race([stopped, forced.then(() => killAll(compose, project))]);
    if (typeof end === "string") return end === "SIGTERM" ? 143 : 130;
    return (
      (options.exitCodeFrom ? await exitCodeOf(compose, project, options.exitCodeFrom) : undefined) ??
      (options.abortOnFailure || options.abortOnExit ? end.exitCode : 0)
    );
  } finally {
    closeMenu();
    untake();
    follower.close();
  }
}

/** Each call begins to watch, or ends it. @returns whether files are watched now */
function watchSwitch(compose: Compose, project: Project, watching: Watching): () => boolean {
  let own: AbortController | undefined;
  return () => {
    own?.abort();
    own = own ? undefined : new AbortController();
    if (own) startWatch(compose, project, { ...watching, signal: AbortSignal.any([watching.signal, own.signal]) });
    return own !== undefined;
  };
}

interface Watching {
  readonly options: AttachedOptions;
  readonly signal: AbortSignal;
  readonly printer: LogPrinter;
}

/** What cannot be watched is told; the containers run on. */
function startWatch(compose: Compose, project: Project, { options, signal, printer }: Watching): void {
  const watching = import("./watch.ts").then(({ watchProject }) =>
    watchProject(compose, project, { services: options.converge.named, signal, printer }),
  );
  watching.catch((error: unknown) => {
    if (!signal.aborted) printer.say(describeError(error));
  });
}

/** Containers that run already are shown from now on. */
async function attachRunning(
  compose: Compose,
  project: Project,
  { follower }: { follower: Follower; services: ConvergeOptions },
): Promise<void> {
  const client = await compose.client();
  const containers = await listContainers(client, project.name, { signal: compose.signal });
  for (const container of containers)
    if (
      container.State === "running" &&
      Object.hasOwn(project.services, serviceOf(container)) &&
      container.Labels["com.docker.compose.oneoff"] !== "True"
    )
      await follower.attach({ id: container.Id, name: nameOf(container), service: serviceOf(container) });
}

/** @returns the ids of all that have run */
async function stopAll(compose: Compose, project: Project, { converge: { execute: flags } }: AttachedOptions): Promise<string[]> {
  const client = await compose.client();
  const present = await observe(client, project, { services: [] });
  const running = present.containers.filter(({ State }) => State === "running" || State === "restarting" || State === "paused");
  const plan = planStop(project, running);
  await compose.progress("Stopping", (progress) =>
    execute(client, plan, {
      project,
      present,
      onProgress: progress.event,
      stopTimeoutSeconds: flags?.stopTimeoutSeconds,
      signal: new AbortController().signal,
    }),
  );
  return present.containers.flatMap(({ Id, State }) => (State === "created" ? [] : [Id]));
}

async function killAll(compose: Compose, project: Project): Promise<void> {
  const client = await compose.client();
  const containers = await listContainers(client, project.name);
  await Promise.all(containers.filter(({ State }) => State === "running").map(({ Id }) => client.containers.kill(Id).catch(() => {})));
}

async function exitCodeOf(compose: Compose, project: Project, service: string): Promise<number> {
  const client = await compose.client();
  const container = (await listContainers(client, project.name)).find((one) => serviceOf(one) === service);
  if (!container) throw new ExitError(1, `no containers for service ${JSON.stringify(service)}`);
  return (await client.containers.inspect(container.Id)).State.ExitCode;
}
