/** A terminal with a shell in the files and the environment of a build's step. */
import * as vscode from "vscode";
import type { AttachedShell } from "../../engine/client/build-records.ts";
import type { DockerClient } from "../../engine/client/client.ts";

export function openStepShell(client: DockerClient, { build, step, name }: { build: string; step: string; name: string }): void {
  const pty = new StepTerminal(client, { build, step });
  vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon("terminal") }).show();
}

class StepTerminal implements vscode.Pseudoterminal {
  readonly #client: DockerClient;
  readonly #target: { build: string; step: string };
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<void>();
  readonly #abort = new AbortController();
  #shell: AttachedShell | undefined;
  #size = { rows: 24, columns: 80 };

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(client: DockerClient, target: { build: string; step: string }) {
    this.#client = client;
    this.#target = target;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    if (size) this.#size = size;
    this.#run().catch((error: Error) => {
      if (!this.#abort.signal.aborted) this.#written.fire(`\x1b[31m${error.message.replaceAll("\n", "\r\n")}\x1b[0m\r\n`);
    });
  }

  handleInput(data: string): void {
    this.#shell?.stream.stdin.write(data);
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    if (this.#shell) this.#client.buildRecords.resizeShell(this.#shell.id, size).catch(() => {});
  }

  close(): void {
    this.#abort.abort();
    this.#shell?.stream.close();
  }

  async #run(): Promise<void> {
    const { rows, columns } = this.#size;
    const { build, step } = this.#target;
    this.#shell = await this.#client.buildRecords.shell(build, step, {
      Tty: true,
      ConsoleSize: [rows, columns],
      signal: this.#abort.signal,
    });
    const decoder = new TextDecoder();
    for await (const { data } of this.#shell.stream.frames()) this.#written.fire(decoder.decode(data, { stream: true }));
    this.#closed.fire();
  }
}
