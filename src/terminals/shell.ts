/** Streams of containers as terminals of the editor: one connection to the engine each, no process here. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import type { ClientError } from "../../engine/client/errors.ts";
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
  /** Of what has ended. @throws {LostError} when it has not */
  exitCode(): Promise<number>;
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
      // An engine that was started again knows nothing of it.
      const { ExitCode } = await client.execs.inspect(exec).catch((error: unknown) => {
        throw (error as Partial<ClientError>).status === 404 ? new LostError(error) : error;
      });
      if (ExitCode === 126 || ExitCode === 127) throw new Error(vscode.l10n.t("{0} has no shell that could be started", name));
      return ExitCode ?? 0;
    },
  };
}

export interface StreamTerminalOptions {
  readonly open: (size: vscode.TerminalDimensions | undefined, signal: AbortSignal) => Promise<Opened>;
}

/** What was at the other end has not ended: the way there has. */
export class LostError extends Error {
  constructor(cause?: unknown) {
    super(vscode.l10n.t("The connection to the engine is lost"), { cause });
    this.name = "LostError";
  }
}

/** By name, as `isCancel` looks at what is canceled. */
const isLost = (error: unknown): boolean => error instanceof Error && ["LostError", "ConnectionError"].includes(error.name);

const DETACH = "\x10\x11";

export class StreamTerminal implements vscode.Pseudoterminal {
  readonly #options: StreamTerminalOptions;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number | void>();
  readonly #abort = new AbortController();
  #opened: Opened | undefined;
  #size: vscode.TerminalDimensions | undefined;
  #held = "";
  /** The engine was lost, and nothing has asked for it again. */
  #broken = false;
  /** Typed before there was anything to type to. */
  #early = "";

  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(options: StreamTerminalOptions) {
    this.#options = options;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    this.#size = size;
    this.#begin();
  }

  #begin(): void {
    this.#broken = false;
    this.#run().catch((error: Error) => {
      if (this.#abort.signal.aborted) return;
      this.#written.fire(`\r\n\x1b[31m${error.message.replace(/\r?\n/g, "\r\n")}\x1b[0m\r\n`);
      if (!isLost(error)) return;
      this.#opened = undefined;
      this.#broken = true;
      this.#written.fire(`\x1b[2m── ${vscode.l10n.t("Press a key to connect again")} ──\x1b[0m\r\n`);
    });
  }

  /** Ctrl-P is held back until the next key says whether it is the first half of letting go. */
  handleInput(data: string): void {
    if (this.#broken) return this.#begin();
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
    this.#early = "";
    if (note) this.#written.fire(`\x1b[2m── ${note} ──\x1b[0m\r\n`);
    const decoder = new TextDecoder();
    try {
      for await (const { data } of stream.frames()) {
        const text = decoder.decode(data, { stream: true });
        this.#written.fire(plain ? text.replace(/\r?\n/g, "\r\n") : text);
      }
    } catch (error) {
      throw new LostError(error);
    }
    const code = await exitCode().catch((error: unknown) => {
      throw isLost(error) ? new LostError(error) : error;
    });
    // The terminal closes by itself after a clean end, and stays to be read after any other.
    this.#closed.fire(code);
  }
}
