/** Streams of containers as terminals of the editor: one connection to the engine each, no process here. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import type { AttachedStream } from "../../engine/client/exec.ts";

export interface Target {
  readonly id: string;
  readonly name: string;
}

export interface ShellOptions {
  /** The container's own user when empty. */
  readonly user?: string;
  readonly command?: readonly string[];
}

/** bash where there is one, else sh. A login would change the directory, so it is none. */
const SHELL = ["/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

/** Opens a terminal with a shell in the container. Closing the terminal ends the shell. */
export function openShell(client: DockerClient, target: Target, options: ShellOptions = {}): void {
  vscode.window.createTerminal(shellTerminal(client, target, options)).show();
}

export function shellTerminal(client: DockerClient, target: Target, options: ShellOptions = {}): vscode.ExtensionTerminalOptions {
  const pty = new StreamTerminal({ open: (size, signal) => exec(client, { ...target, ...options }, { size, signal }) });
  return { name: target.name, pty, iconPath: new vscode.ThemeIcon("terminal") };
}

/** A stream that was opened for a terminal. */
export interface Opened {
  readonly stream: AttachedStream;
  /** Said first. */
  readonly note?: string;
  /** Line feeds come without carriage returns. */
  readonly plain?: boolean;
  resize(size: vscode.TerminalDimensions): Promise<unknown>;
  exitCode(): Promise<number | null>;
}

async function exec(
  client: DockerClient,
  { id, name, user, command = SHELL }: Target & ShellOptions,
  { size, signal }: { size: vscode.TerminalDimensions | undefined; signal: AbortSignal },
): Promise<Opened> {
  const asked = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true, Cmd: [...command], Env: ["TERM=xterm-256color"] };
  const exec = await client.execs.create(id, { ...asked, ...(user ? { User: user } : {}) }, { signal });
  const { rows, columns } = size ?? { rows: 24, columns: 80 };
  const stream = await client.execs.start(exec, { Tty: true, ConsoleSize: [rows, columns] }, { signal });
  if (size) await client.execs.resize(exec, size).catch(() => {});
  return {
    stream,
    resize: (changed) => client.execs.resize(exec, changed),
    exitCode: async () => {
      const { ExitCode } = await client.execs.inspect(exec);
      if (ExitCode === 126 || ExitCode === 127) throw new Error(vscode.l10n.t("{0} has no shell that could be started", name));
      return ExitCode;
    },
  };
}

export interface StreamTerminalOptions {
  readonly open: (size: vscode.TerminalDimensions | undefined, signal: AbortSignal) => Promise<Opened>;
}

const DETACH = "\x10\x11";

export class StreamTerminal implements vscode.Pseudoterminal {
  readonly #options: StreamTerminalOptions;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number | void>();
  readonly #abort = new AbortController();
  #opened: Opened | undefined;
  #size: vscode.TerminalDimensions | undefined;
  #held = "";
  /** Typed before there was anything to type to. */
  #early = "";

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(options: StreamTerminalOptions) {
    this.#options = options;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    this.#size = size;
    this.#run().catch((error: Error) => {
      if (this.#abort.signal.aborted) return;
      this.#written.fire(`\r\n\x1b[31m${error.message.replace(/\r?\n/g, "\r\n")}\x1b[0m\r\n`);
    });
  }

  /** Ctrl-P is held back until the next key says whether it is the first half of letting go. */
  handleInput(data: string): void {
    const typed = this.#held + data;
    if (typed.includes(DETACH)) return this.#closed.fire();
    this.#held = typed.endsWith(DETACH[0]!) ? DETACH[0]! : "";
    const sent = this.#held ? typed.slice(0, -1) : typed;
    if (this.#opened) this.#opened.stream.stdin.write(sent);
    else this.#early += sent;
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    this.#opened?.resize(size).catch(() => {});
  }

  close(): void {
    this.#abort.abort();
    this.#opened?.stream.close();
  }

  async #run(): Promise<void> {
    const size = this.#size;
    this.#opened = await this.#options.open(size, this.#abort.signal);
    const { stream, note, plain, exitCode } = this.#opened;
    if (this.#size && this.#size !== size) this.setDimensions(this.#size);
    if (this.#early) stream.stdin.write(this.#early);
    if (note) this.#written.fire(`\x1b[2m── ${note} ──\x1b[0m\r\n`);
    const decoder = new TextDecoder();
    for await (const { data } of stream.frames()) {
      const text = decoder.decode(data, { stream: true });
      this.#written.fire(plain ? text.replace(/\r?\n/g, "\r\n") : text);
    }
    // The terminal closes by itself after a clean end, and stays to be read after any other.
    this.#closed.fire((await exitCode()) ?? 0);
  }
}
