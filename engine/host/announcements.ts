/**
 * A FIFO into which whoever owns the engine may write a line before he has connected: it takes three system calls, waits for
 * nobody and needs no answer.
 */
import { constants, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { makeFifo } from "./descriptor.ts";

/** Longer lines do not come in one piece. */
const MOST_BYTES = 4096;

/** Calls `heard` with each line. Another's FIFO of the name is replaced. Keeps no process alive. */
export function hearAnnouncements(path: string, heard: (line: string) => void): void {
  rmSync(path, { force: true });
  makeFifo(path);
  // Open for both, so that it does not end when a writer goes.
  const socket = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
  let rest = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!.slice(-MOST_BYTES);
    for (const line of lines) heard(line);
  });
  socket.on("error", () => socket.destroy()).unref();
}
