/** A shell in a running container as a terminal of the editor: one exec on the engine's socket, no process here. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import type { AttachedStream } from "../../engine/client/exec.ts";

export interface Target {
  readonly id: string;
  readonly name: string;
}

/** bash where there is one, else sh. A login would change the directory, so it is none. */
const SHELL = ["/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

/** Opens a terminal with a shell in the container. Closing the terminal ends the shell. */
export function openShell(client: DockerClient, target: Target): void {
  const pty = new ShellTerminal(client, target);
  vscode.window.createTerminal({ name: target.name, pty, iconPath: new vscode.ThemeIcon("terminal") }).show();
}

class ShellTerminal implements vscode.Pseudoterminal {
  readonly #client: DockerClient;
  readonly #target: Target;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number | void>();
  readonly #abort = new AbortController();
  #exec: string | undefined;
  #stream: AttachedStream | undefined;
  #size: vscode.TerminalDimensions | undefined;

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(client: DockerClient, target: Target) {
    this.#client = client;
    this.#target = target;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    this.#size = size;
    this.#run().catch((error: Error) => {
      if (this.#abort.signal.aborted) return;
      this.#written.fire(`\x1b[31m${error.message.replace(/\r?\n/g, "\r\n")}\x1b[0m\r\n`);
    });
  }

  handleInput(data: string): void {
    this.#stream?.stdin.write(data);
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    if (this.#exec && this.#stream) this.#client.execs.resize(this.#exec, size).catch(() => {});
  }

  close(): void {
    this.#abort.abort();
    this.#stream?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const config = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true, Cmd: SHELL, Env: ["TERM=xterm-256color"] };
    this.#exec = await this.#client.execs.create(this.#target.id, config, { signal });
    const { rows, columns } = this.#size ?? { rows: 24, columns: 80 };
    this.#stream = await this.#client.execs.start(this.#exec, { Tty: true, ConsoleSize: [rows, columns] }, { signal });
    if (this.#size) await this.#client.execs.resize(this.#exec, this.#size).catch(() => {});
    const decoder = new TextDecoder();
    for await (const { data } of this.#stream.frames()) this.#written.fire(decoder.decode(data, { stream: true }));
    await this.#end();
  }

  /** The terminal closes by itself after a clean end, and stays to be read after any other. */
  async #end(): Promise<void> {
    const { ExitCode } = await this.#client.execs.inspect(this.#exec!);
    if (ExitCode === 126 || ExitCode === 127) {
      this.#written.fire(`\r\n\x1b[31m${vscode.l10n.t("{0} has no shell that could be started", this.#target.name)}\x1b[0m\r\n`);
      return;
    }
    this.#closed.fire(ExitCode ?? 0);
  }
}
