/** Executables without libraries. @see https://refspecs.linuxfoundation.org/elf/elf.pdf */
import type { Machine } from "./assembler.ts";

const ADDRESS = 0x400000;
const HEADER_BYTES = 64 + 2 * 56;

/** Machine code as a file: one segment to read and run, and a stack that is not run. */
export function executable(machine: Machine, code: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  for (const [at, value] of [[16, 2], [18, machine.elfMachine], [52, 64], [54, 56], [56, 2]] as const) header.writeUInt16LE(value, at); // oxfmt-ignore
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(ADDRESS + HEADER_BYTES), 24);
  header.writeBigUInt64LE(64n, 32);
  const [load, stack] = [header.subarray(64), header.subarray(120)];
  load.writeUInt32LE(1, 0);
  load.writeUInt32LE(5, 4);
  const size = BigInt(HEADER_BYTES + code.length);
  for (const [at, value] of [[16, BigInt(ADDRESS)], [24, BigInt(ADDRESS)], [32, size], [40, size], [48, 0x10000n]] as const) load.writeBigUInt64LE(value, at); // oxfmt-ignore
  stack.writeUInt32LE(0x6474e551, 0);
  stack.writeUInt32LE(6, 4);
  stack.writeBigUInt64LE(16n, 48);
  return Buffer.concat([header, code]);
}
