/** Joins a hijacked connection to a process: its input from the client, its output back, each ending on its own. */
import { pipeline } from "node:stream";
import type { Duplex, Readable } from "node:stream";
import type { Attachment } from "../containers/containers.ts";
import { detachFilter } from "./detach-keys.ts";
import { sendOutput } from "./streams.ts";

export interface ConnectOptions {
  readonly tty: boolean;
  /** With a terminal: the keys that detach; `onDetach` is called then. */
  readonly detachKeys: Buffer;
  readonly onDetach: () => void;
}

/**
 * Resolves when the output has ended or the client is gone, and the connection is closed. When the client ends its side, the
 * process's input ends and the output goes on; where others may still type, the client has left, as with dockerd.
 */
export async function connect(socket: Duplex, attachment: Attachment, options: ConnectOptions): Promise<void> {
  const { stdin, output } = attachment;
  const detached = new Promise<void>((resolve) => {
    const detach = (): void => {
      options.onDetach();
      resolve();
    };
    if (!stdin) return void socket.resume();
    const source = options.tty ? socket.pipe(detachFilter(options.detachKeys, detach)) : socket;
    if (attachment.staysOpen) source.once("end", resolve);
    pipeInput(source, stdin);
  });
  await Promise.race([sendOutput(output, socket, { tty: options.tty }), detached]);
  socket.end();
}

function pipeInput(source: Readable, stdin: NonNullable<Attachment["stdin"]>): void {
  // Either end may go first: a process that has ended takes no more, a client that is gone sends no more.
  pipeline(source, stdin, () => undefined);
}
