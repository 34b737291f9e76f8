/** A container's logs as a terminal that follows, also over restarts: colors and links work there, and it can be searched. */
import { setTimeout as delay } from "node:timers/promises";
import * as vscode from "vscode";
import type { Engine } from "../engine/engine.ts";
import type { Target } from "./shell.ts";

const open = new Map<string, vscode.Terminal>();

/** Shows the logs of a container; a second call shows the same terminal. */
export function openLogs(engine: Engine, target: Target): void {
  const shown = open.get(target.id);
  if (shown && shown.exitStatus === undefined) return shown.show();
  const name = vscode.l10n.t("Logs: {0}", target.name);
  const terminal = vscode.window.createTerminal({ name, pty: new LogTerminal(engine, target), iconPath: new vscode.ThemeIcon("output") });
  open.set(target.id, terminal);
  terminal.show(true);
}

class LogTerminal implements vscode.Pseudoterminal {
  readonly #engine: Engine;
  readonly #target: Target;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #abort = new AbortController();
  readonly #wake: vscode.Disposable[] = [];

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
    open.delete(this.#target.id);
    for (const subscription of this.#wake) subscription.dispose();
  }

  /** One stream after another: each goes on where the last one ended, when the container starts again or the engine returns. */
  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    let tail = String(vscode.workspace.getConfiguration("berth").get("logs.tail", 1000));
    let since: string | undefined;
    while (!signal.aborted) {
      const again = this.#nextStart();
      const client = await this.#engine.client();
      const started = Date.now();
      const logs = await client.containers.logs(this.#target.id, { follow: true, tail, since, signal });
      const decoder = new TextDecoder();
      for await (const { data } of logs.frames()) this.#written.fire(lines(decoder.decode(data, { stream: true })));
      since = String(Math.max(Date.now(), started) / 1000);
      tail = "all";
      if ((await this.#state()) === "gone") return this.#note(vscode.l10n.t("The container was removed"));
      if ((await this.#state()) === "stopped") this.#note(vscode.l10n.t("The container has stopped; what it says after a start appears here"));
      await again;
      await delay(0, undefined, { signal });
    }
  }

  async #state(): Promise<"running" | "stopped" | "gone"> {
    const client = await this.#engine.client();
    const [container] = await client.containers.list({ all: true, filters: { id: [this.#target.id] } });
    return container ? (container.State === "running" ? "running" : "stopped") : "gone";
  }

  #nextStart(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(
        this.#engine.onDidHappen(({ Type, Action, Actor }) => {
          if (Type === "container" && Actor.ID === this.#target.id && (Action === "start" || Action === "destroy")) resolve();
        }),
        this.#engine.onDidChangeState(({ kind }) => {
          if (kind === "running") resolve();
        }),
      );
    });
  }

  #note(text: string): void {
    this.#written.fire(`\x1b[2m── ${text}\x1b[0m\r\n`);
  }
}

function lines(text: string): string {
  return text.replace(/\r?\n/g, "\r\n");
}
