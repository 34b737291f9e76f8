/**
 * The program behind an engine's namespaces: it sleeps until its directory, or the one above, is deleted or moved, and becomes
 * another program then. It outlives the engine, so it is all that surely notices, and it takes a page or two of memory.
 *
 *     guard DIRECTORY PARENT /PATH/OF/PROGRAM ARGUMENTS…
 *
 * Without arguments it ends at once: so one tries whether it runs here. Where the kernel gives no watch it sleeps for ever.
 */
import { arch } from "node:os";
import { Assembler } from "./assembler.ts";
import { executable } from "./elf.ts";
import { machineOf } from "./machines.ts";

const VARIABLES = [
  "stack", "result", "arguments", "environment", "command", "directory", "parent", "watcher", "cursor", "word", "event",
] as const; // oxfmt-ignore
const FRAME_BYTES = 8192;
const EVENT_BYTES = 4096;

const CLOSE_ON_EXEC = 0o2000000;
/**
 * Itself deleted or moved. Of a directory that somebody has something open in, the kernel tells that only when it is closed,
 * so what happens in the one above wakes the guard as well. @see https://man7.org/linux/man-pages/man7/inotify.7.html
 */
const SELF_GONE = 0x400 | 0x800 | 0x1000000;
const ENTRY_GONE = 0x40 | 0x200;
const CURRENT_DIRECTORY = -100;
const ENOENT = -2;
const EINTR = -4;

/**
 * A static executable.
 * @throws {EngineError} not-implemented for a processor other than `x64` and `arm64`
 */
export function guardProgram(processor: string = arch()): Buffer {
  const machine = machineOf(processor);
  const assembler = new Assembler(machine, { variables: VARIABLES, frameBytes: FRAME_BYTES });
  findArguments(assembler);
  watch(assembler);
  become(assembler);
  return executable(machine, assembler.code());
}

/** The stack begins with the number of arguments, the arguments, a null, the environment, a null. */
function findArguments(a: Assembler): void {
  a.word("word", "stack");
  a.jumpIf("word", "less", 4, "exit");
  for (const [place, name] of ["directory", "parent", "command"].entries()) {
    a.add("arguments", "stack", 16 + place * 8);
    a.word(name, "arguments");
  }
  a.set("cursor", "arguments");
  a.label("next argument");
  a.word("word", "cursor");
  a.add("cursor", "cursor", 8);
  a.jumpIf("word", "unequal", 0, "next argument");
  a.set("environment", "cursor");
}

function watch(a: Assembler): void {
  a.call("inotify_init1", CLOSE_ON_EXEC);
  a.set("watcher", "result");
  a.jumpIf("watcher", "less", 0, "hold");
  for (const [name, events] of [
    ["parent", SELF_GONE | ENTRY_GONE],
    ["directory", SELF_GONE],
  ] as const) {
    a.call("inotify_add_watch", "watcher", name, events);
    a.jumpIf("result", "equal", ENOENT, "gone");
    a.jumpIf("result", "less", 0, "hold");
  }
  a.label("look");
  a.call("faccessat", CURRENT_DIRECTORY, "directory", 0);
  a.jumpIf("result", "equal", ENOENT, "gone");
  a.label("wait");
  a.call("read", "watcher", { addressOf: "event" }, EVENT_BYTES);
  a.jumpIf(0, "less", "result", "look");
  a.jumpIf("result", "equal", EINTR, "wait");
  a.jump("hold");
}

function become(a: Assembler): void {
  a.label("gone");
  a.call("execve", "command", "arguments", "environment");
  a.label("hold");
  a.call("ppoll", 0, 0, 0, 0, 0);
  a.jump("hold");
  a.label("exit");
  a.call("exit_group", 0);
}
