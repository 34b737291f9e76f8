/**
 * The program that `--init` puts in front of a container's command: it starts the command in the foreground, hands on every
 * signal, reaps whatever is left to it and ends as the command does. It needs no library, so it runs in any image, and is
 * made here for the processor at hand, so nothing has to be installed.
 *
 * It behaves like tini, which Docker uses. @see https://github.com/krallin/tini/blob/v0.19.0/src/tini.c
 */
import { arch } from "node:os";
import { Assembler } from "./assembler.ts";
import { executable } from "./elf.ts";
import { machineOf } from "./machines.ts";

const VARIABLES = [
  "stack", "result", "arguments", "environment", "command", "child", "oldMask", "status", "low", "high", "cursor", "word", "letter",
  "segment", "target", "refusal", "candidate",
] as const; // oxfmt-ignore
const FRAME_BYTES = 8192;
/** What fits into the rest of the frame, with something to spare. */
const LONGEST_SEGMENT = 4000;

const SIGCHLD = 17;
const WNOHANG = 1;
const TIOCSPGRP = 0x5410;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SET_BYTES = 8;
const EACCES = -13;
const ENOENT = -2;
const STDERR = 2;

/** Signals of the processor about the program itself; every other is waited for. */
const OWN_SIGNALS = { ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, SEGV: 11, SYS: 31 };

/**
 * A static executable: `init -- COMMAND ARGUMENTS…`.
 * @throws {EngineError} not-implemented for a processor other than `x64` and `arm64`
 */
export function initProgram(processor: string = arch()): Buffer {
  const machine = machineOf(processor);
  const assembler = new Assembler(machine, { variables: VARIABLES, frameBytes: FRAME_BYTES });
  findArguments(assembler);
  startCommand(assembler);
  waitForCommand(assembler);
  runCommand(assembler);
  runFromPath(assembler);
  refuse(assembler);
  return executable(machine, assembler.code());
}

function text(value: string): { bytes: Buffer } {
  return { bytes: Buffer.from(`${value}\0`) };
}

/** The stack begins with the number of arguments, the arguments, a null, the environment, a null. */
function findArguments(a: Assembler): void {
  a.set("command", 0);
  a.set("refusal", ENOENT);
  a.word("word", "stack");
  a.jumpIf("word", "less", 3, "refuse");
  a.add("cursor", "stack", 8);
  a.add("arguments", "cursor", 16);
  a.label("next argument");
  a.word("word", "cursor");
  a.add("cursor", "cursor", 8);
  a.jumpIf("word", "unequal", 0, "next argument");
  a.set("environment", "cursor");
  a.word("command", "arguments");
}

/** Blocked signals wait, also those that would be ignored, because this is process 1. */
function startCommand(a: Assembler): void {
  a.call("rt_sigprocmask", SIG_BLOCK, waitedFor(), { addressOf: "oldMask" }, SET_BYTES);
  a.call("clone", SIGCHLD, 0, 0, 0, 0);
  a.set("child", "result");
  a.jumpIf("child", "equal", 0, "child");
  a.set("refusal", "child");
  a.jumpIf("child", "less", 0, "refuse");
}

function waitForCommand(a: Assembler): void {
  a.label("wait");
  a.call("rt_sigtimedwait", waitedFor(), 0, 0, SET_BYTES);
  a.jumpIf("result", "equal", SIGCHLD, "reap");
  a.jumpIf("result", "less", 0, "wait");
  a.call("kill", "child", "result");
  a.jump("wait");
  a.label("reap");
  a.call("wait4", -1, { addressOf: "status" }, WNOHANG, 0);
  a.jumpIf("result", "equal", "child", "ended");
  a.jumpIf(0, "less", "result", "reap");
  a.jump("wait");
  a.label("ended");
  // The second byte is an exit status; the first is a signal, with the highest bit set when there was a core dump.
  a.byte("low", { addressOf: "status" });
  a.add("cursor", { addressOf: "status" }, 1);
  a.byte("high", "cursor");
  a.jumpIf("low", "equal", 0, "exit");
  a.set("high", "low");
  a.jumpIf(127, "less", "low", "exit");
  a.add("high", "low", 128);
  a.label("exit");
  a.call("exit_group", "high");
}

function waitedFor(): { bytes: Buffer } {
  const set = Buffer.alloc(SET_BYTES, 0xff);
  for (const signal of Object.values(OWN_SIGNALS)) set[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  return { bytes: set };
}

/** In a group of its own, in the foreground of the terminal if there is one, with the signals that were let through before. */
function runCommand(a: Assembler): void {
  a.label("child");
  a.call("setpgid", 0, 0);
  a.call("getpid");
  a.set("word", "result");
  a.call("ioctl", 0, TIOCSPGRP, { addressOf: "word" });
  a.call("rt_sigprocmask", SIG_SETMASK, { addressOf: "oldMask" }, 0, SET_BYTES);
  a.set("cursor", "command");
  a.label("next letter");
  a.byte("letter", "cursor");
  a.jumpIf("letter", "equal", 0, "search");
  a.add("cursor", "cursor", 1);
  a.jumpIf("letter", "unequal", "/".charCodeAt(0), "next letter");
  a.call("execve", "command", "arguments", "environment");
  a.set("refusal", "result");
  a.jump("refuse");
}

/** Tries each folder of PATH; an empty one is none. */
function runFromPath(a: Assembler): void {
  const [colon, slash] = [":".charCodeAt(0), "/".charCodeAt(0)];
  a.label("search");
  a.set("cursor", "environment");
  a.label("next variable");
  a.word("segment", "cursor");
  a.jumpIf("segment", "equal", 0, "refuse");
  a.add("cursor", "cursor", 8);
  for (const letter of "PATH=") {
    a.byte("letter", "segment");
    a.jumpIf("letter", "unequal", letter.charCodeAt(0), "next variable");
    a.add("segment", "segment", 1);
  }
  a.label("next folder");
  a.set("target", { addressOf: "candidate" });
  a.add("word", "target", LONGEST_SEGMENT);
  a.label("copy folder");
  a.byte("letter", "segment");
  a.jumpIf("letter", "equal", 0, "folder ends");
  a.jumpIf("letter", "equal", colon, "folder ends");
  a.jumpIf("target", "equal", "word", "refuse");
  a.storeByte("target", "letter");
  a.add("target", "target", 1);
  a.add("segment", "segment", 1);
  a.jump("copy folder");
  a.label("folder ends");
  a.jumpIf("target", "equal", { addressOf: "candidate" }, "after folder");
  a.storeByte("target", slash);
  a.set("cursor", "command");
  a.add("word", "word", LONGEST_SEGMENT);
  a.label("copy name");
  a.add("target", "target", 1);
  a.jumpIf("target", "equal", "word", "refuse");
  a.byte("letter", "cursor");
  a.storeByte("target", "letter");
  a.add("cursor", "cursor", 1);
  a.jumpIf("letter", "unequal", 0, "copy name");
  a.call("execve", { addressOf: "candidate" }, "arguments", "environment");
  a.jumpIf("result", "equal", ENOENT, "after folder");
  a.set("refusal", "result");
  a.label("after folder");
  a.byte("letter", "segment");
  a.jumpIf("letter", "equal", 0, "refuse");
  a.add("segment", "segment", 1);
  a.jump("next folder");
}

function refuse(a: Assembler): void {
  a.label("refuse");
  say(a, "who", text("docker-init: exec "));
  say(a, "what", "command");
  a.jumpIf("refusal", "equal", ENOENT, "not found");
  a.set("high", 126);
  a.jumpIf("refusal", "unequal", EACCES, "other");
  say(a, "denied", text(" failed: Permission denied\n"));
  a.jump("exit");
  a.label("other");
  say(a, "failed", text(" failed\n"));
  a.jump("exit");
  a.label("not found");
  a.set("high", 127);
  say(a, "none", text(" failed: No such file or directory\n"));
  a.jump("exit");
}

/** Letter by letter: nobody is waiting. @param name the labels' */
function say(a: Assembler, name: string, what: string | { bytes: Buffer }): void {
  const [again, done] = [`say ${name}`, `said ${name}`];
  a.set("cursor", what);
  a.jumpIf("cursor", "equal", 0, done);
  a.label(again);
  a.byte("letter", "cursor");
  a.jumpIf("letter", "equal", 0, done);
  a.call("write", STDERR, "cursor", 1);
  a.add("cursor", "cursor", 1);
  a.jump(again);
  a.label(done);
}
