/** Encodings of AArch64: one word of 32 bits each. @see https://developer.arm.com/documentation/ddi0602/latest/Base-Instructions */
import type { Condition, Machine } from "./assembler.ts";

const STACK_POINTER = 31;
const NUMBER_OF_CALL = 8;
const CONDITIONS: Readonly<Record<Condition, number>> = { equal: 0, unequal: 1, less: 11 };

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, index * 4);
  return bytes;
}

/** movz, then movk for each further 16 bits. */
function move(register: number, value: number): Buffer {
  const bits = BigInt.asUintN(64, BigInt(value));
  const parts = [0, 1, 2, 3].map((half) => {
    const sixteen = Number((bits >> BigInt(half * 16)) & 0xffffn);
    return (half === 0 ? 0xd2800000 : 0xf2800000) | (half << 21) | (sixteen << 5) | register;
  });
  return words(...parts);
}

export const AARCH64: Machine = {
  elfMachine: 183,
  systemCalls: {
    clone: 220,
    execve: 221,
    exit_group: 94,
    faccessat: 48,
    getpid: 172,
    inotify_add_watch: 27,
    inotify_init1: 26,
    ioctl: 29,
    kill: 129,
    ppoll: 73,
    read: 63,
    rt_sigprocmask: 135,
    rt_sigtimedwait: 137,
    setpgid: 154,
    wait4: 260,
    write: 64,
  },
  // add x0, sp, #0; sub sp, sp, #(pages), lsl #12
  enter: (frameBytes) => words(0x910003e0, 0xd1400000 | ((frameBytes >> 12) << 10) | (STACK_POINTER << 5) | STACK_POINTER),
  constant: move,
  load: (register, offset) => words(0xf9400000 | ((offset / 8) << 10) | (STACK_POINTER << 5) | register),
  store: (register, offset) => words(0xf9000000 | ((offset / 8) << 10) | (STACK_POINTER << 5) | register),
  frameAddress: (register, offset) => words(0x91000000 | (offset << 10) | (STACK_POINTER << 5) | register),
  // adr
  codeAddress: (register) => words(0x10000000 | register),
  // add x0, x0, x1
  add: words(0x8b010000),
  // ldr x0, [x0]
  loadWord: words(0xf9400000),
  // ldrb w0, [x0]
  loadByte: words(0x39400000),
  // strb w1, [x0]
  storeByte: words(0x39000001),
  // cmp x0, x1; b.cond
  branch: (condition) => words(0xeb01001f, 0x54000000 | CONDITIONS[condition]),
  jump: words(0x14000000),
  // svc #0
  systemCall: (number) => Buffer.concat([move(NUMBER_OF_CALL, number), words(0xd4000001)]),
  fill: (code, { at, kind }, target) => {
    const place = at - 4;
    const bytes = target - place;
    const word = code.readUInt32LE(place);
    const steps = bytes >> 2;
    const filled = {
      jump: word | (steps & 0x3ffffff),
      branch: word | ((steps & 0x7ffff) << 5),
      address: word | ((bytes & 3) << 29) | (((bytes >> 2) & 0x7ffff) << 5),
    }[kind];
    code.writeUInt32LE(filled >>> 0, place);
  },
};
