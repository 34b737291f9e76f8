/**
 * Watching a project's containers in the foreground: their output as it comes, who starts, who ends.
 */
import type { DockerClient } from "../../client/client.ts";
import { isStatus } from "../../client/errors.ts";
import { LABEL, labelFilter } from "../../compose/labels.ts";
import type { LogPrinter } from "./log-printer.ts";
import { logName } from "./log-printer.ts";

/** A container whose end was seen. */
export interface Ended {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly exitCode: number;
}

export interface FollowOptions {
  readonly project: string;
  readonly printer: LogPrinter;
  /** Whether a service's output is shown. */
  readonly shows: (service: string) => boolean;
  /** Called when a container has ended for good. */
  readonly onEnd: (ended: Ended) => void;
}

/** Follows containers until `close`. */
export class Follower {
  readonly #client: DockerClient;
  readonly #options: FollowOptions;
  readonly #abort = new AbortController();
  readonly #followed = new Set<string>();
  /** By container: when all that was said in its last run is shown. */
  readonly #outputs = new Map<string, Promise<void>>();

  constructor(client: DockerClient, options: FollowOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Containers that are followed and have not ended. */
  get running(): number {
    return this.#followed.size;
  }

  /** Shows what a container says from now on; call it right before it starts. */
  async attach({ id, name, service }: { id: string; name: string; service: string }): Promise<void> {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    if (!this.#options.shows(service)) return;
    const { Config } = await this.#client.containers.inspect(id, { signal: this.#abort.signal });
    const stream = await this.#client.containers.attach(id, { stdin: false, tty: Config.Tty ?? false, signal: this.#abort.signal });
    const label = logName(this.#options.project, name);
    this.#options.printer.register(label);
    const copy = async (): Promise<void> => {
      for await (const { stream: from, data } of stream.frames()) this.#options.printer.write(label, from, data);
      this.#options.printer.flush(label);
    };
    // Its end is told by the event; a connection that breaks off only ends the output.
    this.#outputs.set(
      id,
      copy().catch(() => {}),
    );
  }

  /** Begins to hear of containers that start and end. */
  listen(): void {
    void this.#listen().catch(() => {});
  }

  async #listen(): Promise<void> {
    const filters = {
      type: ["container"],
      event: ["start", "die"],
      label: [labelFilter(LABEL.project, this.#options.project), labelFilter(LABEL.oneOff, "False")],
    };
    for await (const { Action, Actor } of this.#client.system.events({ filters, signal: this.#abort.signal })) {
      const { name = "", [LABEL.service]: service = "", exitCode } = Actor.Attributes ?? {};
      if (Action === "start") await this.attach({ id: Actor.ID, name, service }).catch(() => {});
      else if (this.#followed.has(Actor.ID)) await this.#died({ id: Actor.ID, name, service, exitCode: Number(exitCode ?? 0) });
    }
  }

  async #died(ended: Ended): Promise<void> {
    this.#followed.delete(ended.id);
    await this.#outputs.get(ended.id);
    if (this.#options.shows(ended.service))
      this.#options.printer.say(`${logName(this.#options.project, ended.name)} exited with code ${ended.exitCode}`);
    if (await this.#comesBack(ended.id)) return void this.attach(ended).catch(() => {});
    this.#options.onEnd(ended);
  }

  /** Its restart policy or a restart brings it back. */
  async #comesBack(id: string): Promise<boolean> {
    try {
      const { State } = await this.#client.containers.inspect(id, { signal: this.#abort.signal });
      return State.Restarting || State.Running;
    } catch (error) {
      if (isStatus(error, 404) || this.#abort.signal.aborted) return false;
      throw error;
    }
  }

  /** Resolves when all that these containers, which have ended, had said is shown. */
  async drained(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#outputs.get(id);
  }

  close(): void {
    this.#abort.abort();
  }
}
