/** Encodings of x86-64. @see https://www.felixcloutier.com/x86/ */
import type { Condition, Machine } from "./assembler.ts";

/** rdi rsi rdx r10 r8, in the order of a system call's arguments; its number and result are in rax (0). */
const REGISTERS = [7, 6, 2, 10, 8] as const;
const RAX = 0;
const CONDITIONS: Readonly<Record<Condition, number>> = { equal: 0x84, unequal: 0x85, less: 0x8c };

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** The prefix for 64 bits, with the bit that says that a register is one of r8 to r15. */
function wide(register: number, bit: 1 | 4): number {
  return register > 7 ? 0x48 | bit : 0x48;
}

/** An operation on a register and `[rsp + offset]`. */
function onFrame(operation: number, register: number, offset: number): Buffer {
  const head = Buffer.from([wide(register, 4), operation, 0x84 | ((register & 7) << 3), 0x24]);
  return Buffer.concat([head, int32(offset)]);
}

function move(register: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([wide(register, 1), 0xc7, 0xc0 | (register & 7)]), int32(value)]);
}

export const X86_64: Machine = {
  elfMachine: 62,
  systemCalls: {
    clone: 56,
    execve: 59,
    exit_group: 231,
    faccessat: 269,
    getpid: 39,
    inotify_add_watch: 254,
    inotify_init1: 294,
    ioctl: 16,
    kill: 62,
    ppoll: 271,
    read: 0,
    rt_sigprocmask: 14,
    rt_sigtimedwait: 128,
    setpgid: 109,
    wait4: 61,
    write: 1,
  },
  // mov rdi, rsp; sub rsp, imm32
  enter: (frameBytes) => Buffer.concat([Buffer.from([0x48, 0x89, 0xe7, 0x48, 0x81, 0xec]), int32(frameBytes)]),
  constant: (register, value) => move(REGISTERS[register]!, value),
  load: (register, offset) => onFrame(0x8b, REGISTERS[register]!, offset),
  store: (register, offset) => onFrame(0x89, REGISTERS[register]!, offset),
  frameAddress: (register, offset) => onFrame(0x8d, REGISTERS[register]!, offset),
  // lea reg, [rip + disp32]
  codeAddress: (register) => {
    const number = REGISTERS[register]!;
    return Buffer.from([wide(number, 4), 0x8d, 0x05 | ((number & 7) << 3), 0, 0, 0, 0]);
  },
  // add rdi, rsi
  add: Buffer.from([0x48, 0x01, 0xf7]),
  // mov rdi, [rdi]
  loadWord: Buffer.from([0x48, 0x8b, 0x3f]),
  // movzx edi, byte [rdi]
  loadByte: Buffer.from([0x0f, 0xb6, 0x3f]),
  // mov [rdi], sil
  storeByte: Buffer.from([0x40, 0x88, 0x37]),
  // cmp rdi, rsi; jcc rel32
  branch: (condition) => Buffer.from([0x48, 0x39, 0xf7, 0x0f, CONDITIONS[condition], 0, 0, 0, 0]),
  jump: Buffer.from([0xe9, 0, 0, 0, 0]),
  // mov rax, number; syscall; mov rdi, rax
  systemCall: (number) => Buffer.concat([move(RAX, number), Buffer.from([0x0f, 0x05, 0x48, 0x89, 0xc7])]),
  fill: (code, { at }, target) => void code.writeInt32LE(target - at, at - 4),
};
