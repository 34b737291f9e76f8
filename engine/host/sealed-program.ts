/** A program as a copy in memory that nobody can change any more, neither its file's owner nor who got hold of a descriptor. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { check, declare, lastErrno } from "./libc.ts";

const memfdCreate = declare("int memfd_create(const char *name, unsigned int flags)");
const fcntlCall = declare("int fcntl(int fd, int command, long argument)");

/**
 * A close-on-exec descriptor of the copy. Who runs `/proc/PID/fd/N` runs the copy, as long as the process with the descriptor
 * lives.
 * @throws {SystemCallError} where the kernel has no such memory
 */
export function sealProgram(path: string, name: string): number {
  const F_ADD_SEALS = 1033;
  // Against sealing, shrinking, growing and writing: what crun and runc ask of their own program.
  const SEALS = 0xf;
  const writable = memory(name);
  try {
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length;) at += writeSync(writable, bytes, at);
    check(fcntlCall(writable, F_ADD_SEALS, SEALS), "seal a program");
    // What is open for writing cannot be run.
    return openSync(`/proc/self/fd/${writable}`, "r");
  } finally {
    closeSync(writable);
  }
}

function memory(name: string): number {
  const [CLOEXEC, ALLOW_SEALING, EXEC, EINVAL] = [1, 2, 16, 22];
  const made = memfdCreate(name, CLOEXEC | ALLOW_SEALING | EXEC);
  if (made >= 0 || lastErrno() !== EINVAL) return check(made, "make a file in memory");
  // Before Linux 6.3 all of it could be run.
  return check(memfdCreate(name, CLOEXEC | ALLOW_SEALING), "make a file in memory");
}
