/**
 * Carries out a plan by calls to an engine, and says what happens. May be stopped at any point: the next plan sees what was
 * done and goes on from there.
 */
import { readFileSync } from "node:fs";
import type { DockerClient } from "../client/client.ts";
import { isStatus } from "../client/errors.ts";
import { ContainerMaker } from "./containers.ts";
import { runDag } from "./dag.ts";
import { ContainerWatch } from "./health.ts";
import { runHooks } from "./hooks.ts";
import type { HookOutput } from "./hooks.ts";
import { nameOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import { createNetwork, createVolume } from "./objects.ts";
import { networkName, volumeName } from "./plan-objects.ts";
import type { Plan, Step } from "./plan.ts";
import type { OnProgress, ProgressEvent } from "./progress.ts";
import type { Project } from "./project.ts";

export interface ExecuteOptions {
  readonly project: Project;
  readonly present: Present;
  readonly onProgress?: OnProgress;
  readonly onHookOutput?: HookOutput;
  /** Called with a container's id right before it starts: the last moment to attach without missing anything. */
  readonly beforeStart?: (container: { id: string; name: string; service: string }) => Promise<void>;
  /** Steps at the same time; 0 is as many as there are. */
  readonly parallel?: number;
  /** Seconds a container gets to stop; its own when missing. */
  readonly stopTimeoutSeconds?: number | undefined;
  /** Seconds for all waiting together; no limit when missing. */
  readonly waitTimeoutSeconds?: number | undefined;
  /** Anonymous volumes are made anew instead of being handed on. */
  readonly renewVolumes?: boolean;
  /** Only tells what would be done. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  /** From its abort on no step begins; those that have begun go on to their end. */
  readonly enough?: AbortSignal | undefined;
}

/** Steps at the same time unless told otherwise. */
const PARALLEL = 32;

/** Runs all steps of a plan. @throws {ClientError | Error} the first failure */
export async function execute(client: DockerClient, plan: Plan, options: ExecuteOptions): Promise<void> {
  const watch = new ContainerWatch(client, options.project.name);
  try {
    const execution = new Execution(client, options, watch);
    await runDag(plan.steps, (step, signal) => execution.run(step, signal), {
      parallel: options.parallel || PARALLEL,
      signal: options.signal,
      enough: options.enough,
      waits: ({ kind }) => kind === "wait" || kind === "barrier",
    });
  } finally {
    watch.close();
  }
}

/** What is said before and after, and what ends it early. */
type Told = readonly [begins: string, ended: string, signal: AbortSignal];

class Execution {
  readonly #client: DockerClient;
  readonly #options: ExecuteOptions;
  readonly #watch: ContainerWatch;
  readonly #maker: ContainerMaker;
  readonly #deadline: AbortSignal | undefined;

  constructor(client: DockerClient, options: ExecuteOptions, watch: ContainerWatch) {
    this.#client = client;
    this.#options = options;
    this.#watch = watch;
    this.#maker = new ContainerMaker(client, { ...options, readFile: (path) => readFileSync(path, "utf8") });
    if (options.waitTimeoutSeconds) this.#deadline = AbortSignal.timeout(options.waitTimeoutSeconds * 1000);
  }

  async run(step: Step, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case "barrier":
        return;
      case "keep":
        this.#maker.know(step.service, { id: step.container.Id, name: nameOf(step.container) });
        if (step.container.State === "running") this.#tell({ id: `Container ${nameOf(step.container)}`, status: "Running", state: "done" });
        return;
      case "network-create":
        return this.#told(`Network ${networkName(this.#options.project, step.key)}`, ["Creating", "Created", signal], () =>
          createNetwork(this.#client, this.#options.project, step.key, signal),
        );
      case "network-remove":
        return this.#removeNetwork(step, signal);
      case "volume-create":
        return this.#told(`Volume ${volumeName(this.#options.project, step.key)}`, ["Creating", "Created", signal], () =>
          createVolume(this.#client, this.#options.project, step.key, signal),
        );
      case "volume-remove":
        return this.#removeVolume(step, signal);
      case "image-remove":
        return this.#removeImage(step, signal);
      case "create":
        return this.#create(step, signal);
      case "rename":
        this.#maker.know(step.service, { id: step.container.Id, name: step.name });
        return this.#told(`Container ${step.name}`, ["Recreate", "Recreated", signal], () =>
          this.#client.containers.rename(step.container.Id, step.name, { signal }),
        );
      case "stop":
        return this.#stop(step, signal);
      case "remove":
        return this.#remove(step, signal);
      case "start":
        return this.#start(step, signal);
      case "wait":
        return this.#wait(step, signal);
    }
  }

  #tell(event: ProgressEvent): void {
    this.#options.onProgress?.(event);
  }

  /** Says that something begins, does it, and says how it ended. */
  async #told(id: string, words: Told, action: () => Promise<unknown>): Promise<void> {
    const [begins, ended, signal] = words;
    this.#tell({ id, status: begins, state: "working" });
    try {
      if (!this.#options.dryRun) await action();
    } catch (error) {
      // Another step's failure ended this one: it has nothing to say.
      if (!signal.aborted) this.#tell({ id, status: "Error", state: "error" });
      throw error;
    }
    this.#tell({ id, status: ended, state: "done" });
  }

  async #create(step: Step & { kind: "create" }, signal: AbortSignal): Promise<void> {
    const { replaces, name } = step;
    if (this.#options.dryRun) this.#maker.know(step.service, { id: `${name}-not-made`, name });
    if (!replaces) return this.#told(`Container ${name}`, ["Creating", "Created", signal], () => this.#maker.create(step, signal));
    await this.#told(`Container ${nameOf(replaces)}`, ["Recreate", "Recreated", signal], () =>
      this.#maker.replace({ ...step, replaces }, { stopTimeoutSeconds: this.#options.stopTimeoutSeconds, signal }),
    );
  }

  async #stop(step: Step & { kind: "stop" | "remove" }, signal: AbortSignal): Promise<void> {
    await this.#told(`Container ${nameOf(step.container)}`, ["Stopping", "Stopped", signal], async () => {
      const { Id, State } = step.container;
      const hooks = this.#options.project.services[step.service]?.pre_stop ?? [];
      if (State === "running" && hooks.length > 0)
        await runHooks(this.#client, { id: Id, name: nameOf(step.container) }, hooks, { output: this.#options.onHookOutput, signal });
      await ignoring(404, this.#client.containers.stop(Id, { timeoutSeconds: this.#options.stopTimeoutSeconds, signal }));
    });
  }

  async #remove(step: Step & { kind: "remove" }, signal: AbortSignal): Promise<void> {
    const { container, volumes } = step;
    const stops = ["running", "paused", "restarting", "exited", "created"].includes(container.State);
    if (stops) await this.#stop(step, signal);
    await this.#told(`Container ${nameOf(container)}`, ["Removing", "Removed", signal], () =>
      ignoring(404, this.#client.containers.remove(container.Id, { force: true, volumes, signal })),
    );
  }

  async #start(step: Step & { kind: "start" }, signal: AbortSignal): Promise<void> {
    const known = this.#maker.find(step.service, step.name);
    await this.#told(`Container ${step.name}`, ["Starting", "Started", signal], async () => {
      await this.#options.beforeStart?.({ ...known, service: step.service });
      await this.#client.containers.start(known.id, { signal });
      const hooks = this.#options.project.services[step.service]?.post_start ?? [];
      if (hooks.length > 0) await runHooks(this.#client, known, hooks, { output: this.#options.onHookOutput, signal });
    });
  }

  async #wait(step: Step & { kind: "wait" }, signal: AbortSignal): Promise<void> {
    const ended = step.condition === "service_completed_successfully" ? "Exited" : "Healthy";
    const within = this.#deadline ? AbortSignal.any([signal, this.#deadline]) : signal;
    await Promise.all(
      step.names.map(async (name) => {
        const id = `Container ${name}`;
        this.#tell({ id, status: "Waiting", state: "working" });
        if (this.#options.dryRun) return this.#tell({ id, status: ended, state: "done" });
        try {
          await this.#watch.reached(this.#maker.find(step.service, name).id, step.condition, within);
          this.#tell({ id, status: ended, state: "done" });
        } catch (error) {
          this.#notReached(step, { id, error, signal });
        }
      }),
    );
  }

  /** @throws {Error} unless the dependency was optional */
  #notReached(step: Step & { kind: "wait" }, { id, error, signal }: { id: string; error: unknown; signal: AbortSignal }): void {
    if (signal.aborted) throw error;
    if (this.#deadline?.aborted)
      throw new Error(
        step.condition === "running_or_healthy"
          ? "application not healthy after " + `${this.#options.waitTimeoutSeconds}s`
          : "timeout waiting for dependencies",
      );
    const why = error instanceof Error ? error.message : String(error);
    const completes = step.condition === "service_completed_successfully";
    const text = completes ? `${JSON.stringify(step.service)} ${why}` : why;
    if (!step.required) {
      const what = completes ? text : `${JSON.stringify(step.service)} failed to start: ${why}`;
      return this.#tell({ id, status: "Skipped", state: "warning", text: `optional dependency ${what}` });
    }
    this.#tell({ id, status: "Error", state: "error", text: completes ? `service ${text}` : "" });
    if (completes) throw new Error(`service ${text}`);
    throw new Error(step.condition === "service_healthy" ? `dependency failed to start: ${text}` : text);
  }

  async #removeNetwork(step: Step & { kind: "network-remove" }, signal: AbortSignal): Promise<void> {
    const id = `Network ${step.name}`;
    this.#tell({ id, status: "Removing", state: "working" });
    if (this.#options.dryRun) return this.#tell({ id, status: "Removed", state: "done" });
    for (const container of step.containers)
      await ignoring(404, this.#client.networks.disconnect(step.target, container, { force: true, signal }));
    try {
      await this.#client.networks.remove(step.target, { signal });
      this.#tell({ id, status: "Removed", state: "done" });
    } catch (error) {
      if (isStatus(error, 404)) return this.#tell({ id, status: "No resource found to remove", state: "warning" });
      // Somebody else's containers are still on it: it stays, and that is no failure of ours.
      if (!step.quiet || !/active endpoints|in use/.test(String(error))) throw error;
      this.#tell({ id, status: "Resource is still in use", state: "warning" });
    }
  }

  async #removeVolume(step: Step & { kind: "volume-remove" }, signal: AbortSignal): Promise<void> {
    const id = `Volume ${step.name}`;
    this.#tell({ id, status: "Removing", state: "working" });
    try {
      if (!this.#options.dryRun) await this.#client.volumes.remove(step.name, { force: true, signal });
      this.#tell({ id, status: "Removed", state: "done" });
    } catch (error) {
      if (isStatus(error, 409)) return this.#tell({ id, status: "Resource is still in use", state: "warning" });
      if (!isStatus(error, 404)) throw error;
      this.#tell({ id, status: "No resource found to remove", state: "warning" });
    }
  }

  async #removeImage(step: Step & { kind: "image-remove" }, signal: AbortSignal): Promise<void> {
    const id = `Image ${step.name}`;
    this.#tell({ id, status: "Removing", state: "working" });
    try {
      if (!this.#options.dryRun) await this.#client.images.remove(step.target, { signal });
      this.#tell({ id, status: "Removed", state: "done" });
    } catch (error) {
      if (isStatus(error, 409)) return this.#tell({ id, status: "Resource is still in use", state: "warning" });
      if (!isStatus(error, 404)) throw error;
      this.#tell({ id, status: "Warning: No resource found to remove", state: "warning" });
    }
  }
}

async function ignoring(status: number, call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isStatus(error, status)) throw error;
  });
}
