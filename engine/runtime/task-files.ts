/** The files of one task: FIFOs between the supervisor and the engine, and the exit status. */
import { closeSync, mkdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { closeDescriptor, makeFifo, O, openDescriptor } from "../host/descriptor.ts";
import { errorCode } from "../host/libc.ts";
import type { TaskOptions } from "./runtime.ts";

/** The script's word for where output goes. */
export function outputWord(options: TaskOptions): "fifo" | "stream" | "none" | "tty" {
  if (options.output === "none") return "none";
  if (options.tty) return "tty";
  return options.output === "streams" ? "stream" : "fifo";
}

/** Makes the directory and the FIFOs that the options need. */
export function makeTaskFiles(directory: string, options: TaskOptions): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const names = ["ctl", "ack"];
  if (options.input !== "none") names.push("in");
  if (options.input === "once") names.push("eof");
  if (options.output !== "none") names.push("out");
  if (options.output !== "none" && !options.tty) names.push("err");
  for (const name of names) makeFifo(join(directory, name));
}

export function removeTaskFiles(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** The exit status that the supervisor wrote, or undefined while there is none. */
export function readExit(directory: string): number | undefined {
  try {
    const text = readFileSync(join(directory, "exit"), "utf8");
    return text.endsWith("\n") ? Number(text) : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Opens a FIFO without waiting for its other side; undefined when nobody (any more) has it open for reading. */
function openForWriting(path: string): number | undefined {
  try {
    return openDescriptor(path, O.WRONLY | O.NONBLOCK | O.CLOEXEC);
  } catch (error) {
    if (errorCode(error) === "ENXIO" || errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the supervisor lives: it alone reads `ack`. */
export function supervisorLives(directory: string): boolean {
  const descriptor = openForWriting(join(directory, "ack"));
  if (descriptor === undefined) return false;
  closeDescriptor(descriptor);
  return true;
}

/** Sends one line through a FIFO to the supervisor; false when it does not listen. */
export function tell(directory: string, fifo: "ack" | "eof"): boolean {
  const descriptor = openForWriting(join(directory, fifo));
  if (descriptor === undefined) return false;
  try {
    writeSync(descriptor, "\n");
    return true;
  } catch (error) {
    // It was killed after the FIFO was opened.
    if (errorCode(error) !== "EPIPE") throw error;
    return false;
  } finally {
    closeSync(descriptor);
  }
}
