/**
 * The window's engine: Berth's own or another endpoint. Follows its events, and recovers when it goes and comes back.
 *
 *     idle → starting → running ⇄ (connection lost → starting) → stopped | lacking | failed
 */
import type { FSWatcher } from "node:fs";
import { existsSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import type { EventMessage } from "../../engine/api/types/system.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { environmentEndpoint, OWN } from "./environment.ts";
import type { EngineProgram, PreflightError, Problem } from "./program.ts";
import { inEditorsWords } from "./said.ts";
import type { EngineState } from "./state.ts";

/** Pauses before another attempt at an engine that cannot be reached; the last one repeats. */
const RETRY_MS = [500, 1000, 2000, 5000, 15_000, 30_000] as const;

/** An engine that dies this often within a minute is not started once more by itself. */
const RESTARTS_A_MINUTE = 4;

export class Engine implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #programs: string;
  readonly #changed = new vscode.EventEmitter<EngineState>();
  readonly #events = new vscode.EventEmitter<EventMessage>();
  #state: EngineState = { kind: "idle" };
  #client: DockerClient | undefined;
  #socket: string | undefined;
  #connecting: Promise<void> | undefined;
  #closing = new AbortController();
  #watcher: FSWatcher | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #losses: number[] = [];

  readonly onDidChangeState = this.#changed.event;
  /** Everything that happens in the engine, in order. Lists are read again when the state becomes `running`. */
  readonly onDidHappen = this.#events.event;

  /** @param programs folder of `engine.mjs` */
  constructor(log: vscode.LogOutputChannel, programs: string) {
    this.#log = log;
    this.#programs = programs;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Whether it is Berth's own engine, which can be started and stopped from here. */
  get own(): boolean {
    return this.endpoint === "";
  }

  /** Address of the endpoint that is set, or that the environment names; empty for Berth's own engine. */
  get endpoint(): string {
    const settings = vscode.workspace.getConfiguration("berth");
    const set = settings.get("endpoint", "").trim();
    if (set === OWN) return "";
    return set || (settings.get("engine.root", "") ? "" : environmentEndpoint());
  }

  /** Berth's own engine as an address for other programs; undefined when it does not run. */
  async ownAddress(): Promise<string | undefined> {
    const status = await (await this.#program()).status();
    return status.running ? status.socket : undefined;
  }

  /** The client of a running engine, which is started first where that is needed. @throws {Error} a sentence for the user */
  async client(): Promise<DockerClient> {
    if (this.#state.kind !== "running") await this.start();
    // What it has waited for may have been given up for another endpoint.
    await this.#connecting;
    if (this.#client && this.#state.kind === "running") return this.#client;
    throw new Error(this.#why());
  }

  /** For what must not start an engine, such as redrawing a view. */
  get runningClient(): DockerClient | undefined {
    return this.#state.kind === "running" ? this.#client : undefined;
  }

  /** Connects when a view is shown; starts the engine unless the user would rather do that by hand. */
  async wake(): Promise<void> {
    if (this.#state.kind !== "idle") return;
    const autoStart = vscode.workspace.getConfiguration("berth").get("engine.autoStart", true);
    await this.#connect({ start: autoStart });
  }

  /** Starts and connects; the outcome is the state. */
  async start(): Promise<void> {
    this.#losses = [];
    await this.#connect({ start: true });
  }

  async stop(): Promise<void> {
    this.#disconnect();
    if (this.own) await (await this.#program()).stop();
    this.#become({ kind: "stopped" });
    this.#watchForSocket();
  }

  /** What this machine lacks to run Berth's own engine. */
  async problems(): Promise<readonly Problem[]> {
    return (await this.#program()).problems();
  }

  /** File of the engine's own log, where it has one. */
  async logFile(): Promise<string | undefined> {
    return this.own ? (await (await this.#program()).status()).log : undefined;
  }

  /** Forgets the endpoint, after a change of settings. */
  async reset(): Promise<void> {
    this.#disconnect();
    this.#become({ kind: "idle" });
    await this.wake();
  }

  dispose(): void {
    this.#disconnect();
    this.#changed.dispose();
    this.#events.dispose();
  }

  async #program(): Promise<EngineProgram> {
    const { EngineProgram } = await import("./program.ts");
    const settings = vscode.workspace.getConfiguration("berth.engine");
    return new EngineProgram({ programs: this.#programs, root: settings.get("root", ""), nodePath: settings.get("nodePath", "") });
  }

  /** Whoever else wants it waits for the same attempt, unless that has been given up. */
  #connect(options: { start: boolean; again?: boolean }): Promise<void> {
    if (this.#connecting) return this.#connecting;
    const attempt = this.#doConnect(options).finally(() => {
      if (this.#connecting === attempt) this.#connecting = undefined;
    });
    this.#connecting = attempt;
    return attempt;
  }

  /** @param again another attempt by itself: the failure stays on the screen until it succeeds */
  async #doConnect({ start, again = false }: { start: boolean; again?: boolean }): Promise<void> {
    this.#disconnect();
    if (this.own && process.platform !== "linux") return this.#become({ kind: "unsupported" });
    if (!again) this.#become({ kind: "starting" });
    const { signal } = this.#closing;
    try {
      const address = this.own ? await this.#startOwn(start, signal) : this.endpoint;
      signal.throwIfAborted();
      if (address === undefined) return this.#rest();
      const { connectTo, eventsOf } = await import("./connect.ts");
      const client = await connectTo(address);
      if (signal.aborted) return void client.close();
      this.#client = client;
      // The answer's head says that events are being kept from now on: lists that are read afterwards miss nothing.
      const events = await eventsOf(client, signal);
      signal.throwIfAborted();
      this.#become({ kind: "running" });
      this.#attempt = 0;
      void this.#follow(events, signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(error as Error);
    }
  }

  /** @returns the engine's address, undefined when it does not run and may not be started */
  async #startOwn(start: boolean, signal: AbortSignal): Promise<string | undefined> {
    const program = await this.#program();
    const status = start ? await program.start(signal) : await program.status();
    this.#socket = status.socketPath;
    return status.running ? status.socket : undefined;
  }

  async #follow(events: AsyncIterable<EventMessage>, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of events) this.#events.fire(event);
    } catch (error) {
      this.#log.debug(`Events ended: ${(error as Error).message}`);
    }
    if (!signal.aborted) await this.#lost();
  }

  /** A socket that is gone was taken away by an engine that ended as asked; one that stays behind belonged to a killed engine. */
  async #lost(): Promise<void> {
    this.#log.info("The connection to the engine is lost");
    if (!this.own) return this.#retryLater(vscode.l10n.t("The connection to the engine is lost"));
    if (!this.#socket || !existsSync(this.#socket)) return this.#rest();
    const now = Date.now();
    this.#losses = [...this.#losses.filter((time) => now - time < 60_000), now];
    if (this.#losses.length > RESTARTS_A_MINUTE)
      return this.#become({ kind: "failed", message: vscode.l10n.t("The engine ends again and again") });
    await this.#connect({ start: true });
  }

  #rest(): void {
    this.#disconnect();
    this.#become({ kind: "stopped" });
    this.#watchForSocket();
  }

  #failed(error: Error): void {
    this.#log.error(error.message);
    if (!this.own) return this.#retryLater(inEditorsWords(error.message));
    this.#disconnect();
    const { problems } = error as Partial<PreflightError>;
    this.#become(problems ? { kind: "lacking", problems } : { kind: "failed", message: error.message });
  }

  /** Another endpoint cannot be started from here, so it is asked again, at growing distances. */
  #retryLater(message: string): void {
    this.#disconnect();
    this.#become({ kind: "failed", message });
    const pause = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)]!;
    this.#attempt += 1;
    this.#retry = setTimeout(() => void this.#connect({ start: false, again: true }), pause);
  }

  /** A stopped engine may be started by a terminal or another window: its socket appears again. */
  #watchForSocket(): void {
    const socket = this.#socket;
    if (!socket || !existsSync(dirname(socket))) return;
    this.#watcher = watch(dirname(socket), (_event, name) => {
      if (name === basename(socket) && existsSync(socket)) void this.#connect({ start: false });
    });
    this.#watcher.on("error", () => this.#watcher?.close());
  }

  /** Gives up an attempt that is under way, too: what comes next begins anew. */
  #disconnect(): void {
    this.#closing.abort();
    this.#closing = new AbortController();
    this.#connecting = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#retry);
    void this.#client?.close();
    this.#client = undefined;
  }

  #become(state: EngineState): void {
    this.#log.debug(`Engine: ${state.kind}`);
    this.#state = state;
    this.#changed.fire(state);
  }

  #why(): string {
    switch (this.#state.kind) {
      case "failed":
        return this.#state.message;
      case "lacking":
        return this.#state.problems.map(({ message, fix }) => `${message}: ${fix}`).join("\n");
      case "unsupported":
        return vscode.l10n.t("Berth's own engine needs Linux: open the folder in WSL or on a Linux machine, or set another endpoint");
      default:
        return vscode.l10n.t("The engine does not run");
    }
  }
}
