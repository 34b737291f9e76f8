/**
 * Waiting for containers: until they run, are healthy, or have completed. Woken by the engine's events, so that nobody is
 * asked again and again; a slow tick covers engines that tell no health events.
 */
import type { ContainerInspect } from "../api/types/container.ts";
import type { DockerClient } from "../client/client.ts";
import { LABEL, labelFilter } from "./labels.ts";
import type { WaitFor } from "./plan.ts";

const TICK_MS = 1000;

/** What a look at a container told: not yet, or done. @throws {Error} when it will never be */
export function isReached(condition: WaitFor, { Name, State, Config }: Pick<ContainerInspect, "Name" | "State" | "Config">): boolean {
  const name = Name.replace(/^\//, "");
  const ended = State.Status === "exited" || State.Status === "dead";
  if (condition === "service_completed_successfully") {
    if (ended && State.ExitCode !== 0) throw new Error(`didn't complete successfully: exit ${State.ExitCode}`);
    return ended;
  }
  if (condition === "service_started") return State.Running || ended;
  if (ended) throw new Error(`container ${name} exited (${State.ExitCode})`);
  const checked = State.Health !== undefined && State.Health.Status !== "none" && Config.Healthcheck?.Test?.[0] !== "NONE";
  if (!checked && condition === "running_or_healthy") return State.Status === "running";
  if (!checked) throw new Error(`container ${name} has no healthcheck configured`);
  if (State.Health?.Status === "unhealthy") throw new Error(`container ${name} is unhealthy`);
  return State.Health?.Status === "healthy";
}

/** Looks at containers whenever something happens to them. One a project; `close` ends its stream of events. */
export class ContainerWatch {
  readonly #client: DockerClient;
  readonly #abort = new AbortController();
  readonly #listeners = new Map<string, Set<() => void>>();
  #started = false;
  readonly #project: string;

  constructor(client: DockerClient, project: string) {
    this.#client = client;
    this.#project = project;
  }

  /** Resolves when the condition holds. @throws {Error} when it cannot any more */
  async reached(id: string, condition: WaitFor, signal: AbortSignal): Promise<void> {
    this.#listen();
    for (;;) {
      const changed = this.#changed(id, signal);
      try {
        if (isReached(condition, await this.#client.containers.inspect(id, { signal }))) return;
        await changed.promise;
      } finally {
        changed.forget();
      }
      signal.throwIfAborted();
    }
  }

  close(): void {
    this.#abort.abort();
  }

  #changed(id: string, signal: AbortSignal): { promise: Promise<void>; forget: () => void } {
    let wake = (): void => {};
    const promise = new Promise<void>((resolve) => (wake = resolve));
    const waiting = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, waiting.add(wake));
    const timer = setTimeout(wake, TICK_MS);
    signal.addEventListener("abort", wake, { once: true });
    const forget = (): void => {
      clearTimeout(timer);
      waiting.delete(wake);
      signal.removeEventListener("abort", wake);
    };
    return { promise, forget };
  }

  #listen(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#follow().catch(() => {
      // Without events the tick alone is left: slower, and still right.
    });
  }

  async #follow(): Promise<void> {
    const filters = { type: ["container"], label: [labelFilter(LABEL.project, this.#project)] };
    for await (const { Actor } of this.#client.system.events({ filters, signal: this.#abort.signal }))
      for (const wake of this.#listeners.get(Actor.ID) ?? []) wake();
  }
}
