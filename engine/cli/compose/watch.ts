import { watch as watchFiles } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { dirname, join, posix, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { packPath } from "../../client/tar/pack.ts";
import { writeTar } from "../../client/tar/write.ts";
import { runHooks } from "../../compose/hooks.ts";
import { listContainers, nameOf, replicasOf } from "../../compose/observe.ts";
import type { Project } from "../../compose/project.ts";
import type { WatchTrigger } from "../../compose/service.ts";
import { TriggerFilter, batchChanges, syncTarget } from "../../compose/watch-plan.ts";
import type { Batch, Change } from "../../compose/watch-plan.ts";
import { ExitError } from "../cli.ts";
import { describeError } from "../errors.ts";
import { bool } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";
import { converge } from "./converge.ts";
import type { LogPrinter } from "./log-printer.ts";

/** Editors write a file in several steps; what happens within this time is one change. */
const QUIET_MS = 150;

export const watch = composeCommand({
  usage: "[SERVICE...]",
  arity: [0, Infinity],
  flags: {
    "no-up": bool("Do not build & start services before watching"),
    prune: bool("Prune dangling images on rebuild", { initial: true }),
    quiet: bool("hide build output"),
  },
  async run(compose, { args, flags }) {
    const project = await compose.project(args);
    checkWatched(project, args);
    if (!flags["no-up"]) await converge(compose, project, { named: args, dependencies: true, build: true, quietBuild: flags.quiet });
    await watchProject(compose, project, { services: args, signal: compose.signal, quiet: flags.quiet });
  },
});

interface WatchOptions {
  readonly services: readonly string[];
  readonly signal: AbortSignal;
  readonly quiet?: boolean;
  readonly printer?: LogPrinter;
}

function watched(project: Project, names: readonly string[]): string[] {
  const all = names.length > 0 ? names : Object.keys(project.services);
  return all.filter((name) => (project.services[name]?.develop?.watch ?? []).length > 0);
}

/** @throws {ExitError} when no service says what is to be done */
function checkWatched(project: Project, names: readonly string[]): string[] {
  const found = watched(project, names);
  if (found.length > 0) return found;
  throw new ExitError(1, "none of the selected services is configured for watch, consider setting a 'develop' section");
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** `/a` and `/a/b/c` give `/a/b`. */
function nextBelow(above: string, path: string): string {
  return join(above, relative(above, path).split(sep)[0]!);
}

/** Follows files until aborted. @throws {ExitError} when no service says what is to be done */
export async function watchProject(compose: Compose, project: Project, options: WatchOptions): Promise<void> {
  const names = checkWatched(project, options.services);
  const watcher = new Watcher(compose, project, options);
  for (const name of names) for (const trigger of project.services[name]!.develop!.watch!) await watcher.add(name, trigger);
  watcher.say("Watch enabled");
  await watcher.run();
}

class Watcher {
  readonly #compose: Compose;
  readonly #project: Project;
  readonly #options: WatchOptions;
  readonly #filters = new Map<WatchTrigger, TriggerFilter>();
  #changes: Change[] = [];
  #wake = (): void => {};

  constructor(compose: Compose, project: Project, options: WatchOptions) {
    this.#compose = compose;
    this.#project = project;
    this.#options = options;
  }

  say(text: string): void {
    if (this.#options.printer) this.#options.printer.say(text);
    else this.#compose.cli.print(text);
  }

  /** Resolves when nothing that changes from now on is missed. */
  async add(service: string, trigger: WatchTrigger): Promise<void> {
    this.#filters.set(trigger, await this.#filterOf(service, trigger));
    if (!(await isThere(trigger.path))) return this.#expect(service, trigger);
    await this.#follow(service, trigger);
    if (trigger.initial_sync && trigger.action.startsWith("sync")) await this.#sync(service, trigger, "");
  }

  /** Follows what is not there yet from when it is made; until then the directory above it. */
  async #expect(service: string, trigger: WatchTrigger): Promise<void> {
    let above = dirname(trigger.path);
    while (!(await isThere(above))) above = dirname(above);
    const { promise, resolve } = Promise.withResolvers<void>();
    const files = watchFiles(above, { signal: this.#options.signal });
    files.on("change", () => resolve());
    files.on("error", () => resolve());
    // It may have been made before somebody looked.
    if (await isThere(nextBelow(above, trigger.path))) resolve();
    const made = promise.then(async () => {
      files.close();
      if (this.#options.signal.aborted) return;
      if (!(await isThere(trigger.path))) return this.#expect(service, trigger);
      await this.#follow(service, trigger);
      this.#take(service, trigger, "");
    });
    made.catch((error: unknown) => this.say(describeError(error)));
  }

  async #filterOf(service: string, trigger: WatchTrigger): Promise<TriggerFilter> {
    const context = this.#project.services[service]?.build?.context;
    const inContext = context !== undefined && !relative(context, trigger.path).startsWith("..");
    const ignoreFile =
      inContext && relative(context, trigger.path) === "" ? await readFile(join(context, ".dockerignore"), "utf8").catch(() => "") : "";
    return new TriggerFilter(trigger, ignoreFile);
  }

  #take(service: string, trigger: WatchTrigger, below: string): void {
    if (!this.#filters.get(trigger)!.takes(below)) return;
    this.#changes.push({ service, trigger, below });
    this.#wake();
  }

  async #follow(service: string, trigger: WatchTrigger): Promise<void> {
    const isDirectory = (await lstat(trigger.path)).isDirectory();
    const files = watchFiles(trigger.path, { recursive: isDirectory, signal: this.#options.signal });
    files.on("change", (_kind, name) => this.#take(service, trigger, isDirectory ? String(name).split(sep).join("/") : ""));
    files.on("error", (error) => {
      if (!this.#options.signal.aborted) this.say(describeError(error));
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      if (this.#changes.length === 0)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      if (signal.aborted) return;
      const changes = this.#changes;
      this.#changes = [];
      for (const batch of batchChanges(changes))
        try {
          await this.#apply(batch);
        } catch (error) {
          // The next change of the files may be the one that mends it.
          if (!signal.aborted) this.say(`${batch.service}: ${describeError(error)}`);
        }
    }
  }

  async #apply(batch: Batch): Promise<void> {
    const { service } = batch;
    if (batch.rebuild) return this.#rebuild(service);
    if (batch.syncs.length > 0) this.say(`Syncing service ${JSON.stringify(service)} after ${batch.syncs.length} changes were detected`);
    for (const { trigger, below } of batch.syncs) await this.#sync(service, trigger, below);
    const client = await this.#compose.client();
    const { signal } = this.#options;
    for (const trigger of batch.execs)
      for (const container of await this.#containers(service))
        await runHooks(client, { id: container.Id, name: nameOf(container) }, [trigger.exec ?? {}], {
          output: (_name, data) => void this.#compose.cli.stdout.write(data),
          signal,
        });
    if (!batch.restart) return;
    for (const container of await this.#containers(service)) await client.containers.restart(container.Id, { signal });
    this.say(`service(s) [${JSON.stringify(service)}] restarted`);
  }

  async #rebuild(service: string): Promise<void> {
    this.say(`Rebuilding service(s) [${JSON.stringify(service)}] after changes were detected...`);
    const options = { named: [service], dependencies: false, build: true, quietBuild: this.#options.quiet ?? false };
    await converge(this.#compose, this.#project, options);
    this.say(`service(s) [${JSON.stringify(service)}] successfully built`);
  }

  async #containers(service: string) {
    const all = await listContainers(await this.#compose.client(), this.#project.name, { signal: this.#options.signal });
    return replicasOf(all, service).filter(({ State }) => State === "running");
  }

  /** Makes a path in the containers what it is here: copied, or gone. */
  async #sync(service: string, trigger: WatchTrigger, below: string): Promise<void> {
    const filter = this.#filters.get(trigger)!;
    const select = (path: string) => ({ take: filter.takes(posix.join(below, path)), enter: filter.enters(posix.join(below, path)) });
    const client = await this.#compose.client();
    const { signal } = this.#options;
    const local = join(trigger.path, below);
    const target = syncTarget(trigger, below);
    const there = await lstat(local).catch(() => undefined);
    for (const container of await this.#containers(service)) {
      if (!there) {
        await runHooks(client, { id: container.Id, name: nameOf(container) }, [{ command: ["rm", "-rf", target], user: "root" }], {
          signal,
        });
        continue;
      }
      const entries = packPath(local, posix.relative("/", target), { keepOwner: false, select });
      await client.containers.putArchive(container.Id, "/", Readable.from(writeTar(entries), { objectMode: false }), { signal });
    }
  }
}
