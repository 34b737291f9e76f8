/**
 * A container's logs as a terminal: colors and links work there, and it can be searched.
 * It follows, also over restarts of the container and of the engine, and goes on exactly where it was.
 */
import * as vscode from "vscode";
import type { Engine } from "../engine/engine.ts";
import type { Target } from "./shell.ts";
import { StampedLines, sinceAfter } from "./timestamps.ts";

const shown = new Map<string, vscode.Terminal>();

/** Shows the logs of a container; a second call shows the same terminal. */
export function openLogs(engine: Engine, target: Target): void {
  const present = shown.get(target.id);
  if (present && present.exitStatus === undefined) return present.show(true);
  const name = vscode.l10n.t("Logs: {0}", target.name);
  const terminal = vscode.window.createTerminal({ name, pty: new LogTerminal(engine, target), iconPath: new vscode.ThemeIcon("output") });
  shown.set(target.id, terminal);
  terminal.show(true);
}

type Presence = "running" | "stopped" | "removed" | "unknown";

class LogTerminal implements vscode.Pseudoterminal {
  readonly #engine: Engine;
  readonly #target: Target;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #abort = new AbortController();
  #since: bigint | undefined;

  readonly onDidWrite = this.#written.event;

  constructor(engine: Engine, target: Target) {
    this.#engine = engine;
    this.#target = target;
  }

  open(): void {
    this.#follow().catch((error: Error) => {
      if (!this.#abort.signal.aborted) this.#note(error.message);
    });
  }

  close(): void {
    this.#abort.abort();
    shown.delete(this.#target.id);
  }

  async #follow(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const change = this.#nextChange();
      try {
        await this.#stream();
      } catch (error) {
        // An engine that went away comes back, and a removed container is said to be so; any other refusal is for the user to read.
        const presence = await this.#presence();
        if (this.#abort.signal.aborted || (presence !== "unknown" && presence !== "removed")) throw error;
      }
      const presence = await this.#presence();
      if (presence === "removed") return this.#note(vscode.l10n.t("The container was removed"));
      if (presence === "stopped") this.#note(vscode.l10n.t("The container has stopped"));
      await change;
    }
  }

  /** Writes what there is since the last line, then what comes, until the container or the engine ends. */
  async #stream(): Promise<void> {
    const client = await this.#engine.client();
    const tail = this.#since === undefined ? String(vscode.workspace.getConfiguration("berth").get("logs.tail", 1000)) : undefined;
    const since = this.#since === undefined ? undefined : sinceAfter(this.#since);
    // Engines before API 1.42 do not say whether the two streams are in one.
    const { Config } = await client.containers.inspect(this.#target.id, { signal: this.#abort.signal });
    const options = { follow: true, timestamps: true, tail, since, tty: Config.Tty ?? false, signal: this.#abort.signal };
    const logs = await client.containers.logs(this.#target.id, options);
    const streams = {
      stdout: { lines: new StampedLines(), text: new TextDecoder() },
      stderr: { lines: new StampedLines(), text: new TextDecoder() },
    };
    for await (const { stream, data } of logs.frames()) {
      const { lines, text } = streams[stream];
      this.#written.fire(lines.push(text.decode(data, { stream: true })).replace(/\r?\n/g, "\r\n"));
      if (lines.lastNs !== undefined && lines.lastNs > (this.#since ?? 0n)) this.#since = lines.lastNs;
    }
  }

  async #presence(): Promise<Presence> {
    try {
      const containers = await this.#engine.runningClient?.containers.list({ all: true, filters: { id: [this.#target.id] } });
      if (!containers) return "unknown";
      return containers[0] ? (containers[0].State === "running" ? "running" : "stopped") : "removed";
    } catch {
      return "unknown";
    }
  }

  /** Resolves when the container starts or goes, or when the engine is back. Asked before the stream, so that none is missed. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const subscriptions = [
        this.#engine.onDidHappen(({ Type, Action, Actor }) => {
          if (Type === "container" && Actor.ID === this.#target.id && (Action === "start" || Action === "destroy")) done();
        }),
        this.#engine.onDidChangeState(({ kind }) => {
          if (kind === "running") done();
        }),
      ];
      const done = (): void => {
        for (const subscription of subscriptions) subscription.dispose();
        resolve();
      };
      this.#abort.signal.addEventListener("abort", done, { once: true });
    });
  }

  #note(text: string): void {
    this.#written.fire(`\x1b[2m── ${text} ──\x1b[0m\r\n`);
  }
}
