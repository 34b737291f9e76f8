/** A terminal that shows a piece of work: a build or a pull. Ctrl-C in it, or closing it, cancels the work. */
import * as vscode from "vscode";

export interface WorkTerminal {
  /** Text with `\r\n`. What is written before the terminal is open is kept. */
  write(text: string): void;
  readonly signal: AbortSignal;
  show(): void;
  /** The work is over: from now on closing cancels nothing, and a next piece of work may take the terminal's place. */
  finish(): void;
}

const finished = new Map<string, vscode.Terminal>();

/** Opens a terminal called `name`, in place of one of the same name whose work is over. */
export function openWorkTerminal(name: string, icon: string): WorkTerminal {
  finished.get(name)?.dispose();
  finished.delete(name);
  const pty = new WorkPty();
  const terminal = vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon(icon) });
  return {
    write: (text) => pty.write(text),
    signal: pty.signal,
    show: () => terminal.show(true),
    finish: () => {
      pty.finish();
      finished.set(name, terminal);
    },
  };
}

class WorkPty implements vscode.Pseudoterminal {
  readonly #written = new vscode.EventEmitter<string>();
  readonly #abort = new AbortController();
  #early: string[] | undefined = [];
  #over = false;

  readonly onDidWrite = this.#written.event;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  write(text: string): void {
    if (text === "") return;
    if (this.#early) this.#early.push(text);
    else this.#written.fire(text);
  }

  finish(): void {
    this.#over = true;
  }

  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const text of early) this.#written.fire(text);
  }

  handleInput(data: string): void {
    if (data.includes("\x03")) this.close();
  }

  close(): void {
    if (!this.#over) this.#abort.abort();
  }
}
