/** The terminal of a task that is not a process: what it says, and its end as an exit code. Closing it, or Ctrl-C, ends the work. */
import * as vscode from "vscode";

type Work = (say: (text: string) => void, signal: AbortSignal) => Promise<void>;

export class TaskTerminal implements vscode.Pseudoterminal {
  readonly #work: Work;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number>();
  readonly #abort = new AbortController();

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(work: Work) {
    this.#work = work;
  }

  open(): void {
    this.#work((text) => this.#written.fire(text), this.#abort.signal).then(
      () => this.#closed.fire(0),
      (error: Error) => {
        this.#written.fire(`${error.message.replace(/\r?\n/g, "\r\n")}\r\n`);
        this.#closed.fire(1);
      },
    );
  }

  handleInput(data: string): void {
    if (data.includes("\x03")) this.close();
  }

  close(): void {
    this.#abort.abort();
  }
}
