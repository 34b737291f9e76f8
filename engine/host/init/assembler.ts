/**
 * A tiny assembler: programs of a few operations on variables in the stack frame, made into machine code of any `Machine`.
 * Nothing is kept in registers between two operations, so each machine needs only a dozen encodings.
 */

/** A number (32 bits, signed), a variable's name, a variable's address or constant bytes' address. */
export type Operand = number | string | { readonly addressOf: string } | { readonly bytes: Buffer };

export type Condition = "equal" | "unequal" | "less";

/** Where a jump or a constant's address has to be filled in. */
export interface Fixup {
  readonly at: number;
  readonly label: string;
  readonly kind: "jump" | "branch" | "address";
}

/** Encodings of one processor. Registers are numbers from 0: arguments of a system call, in order; 0 is its result. */
export interface Machine {
  /** `e_machine` of ELF. */
  readonly elfMachine: number;
  readonly systemCalls: Readonly<Record<SystemCall, number>>;
  /** Makes a frame and leaves the stack pointer as it was in register 0. */
  enter(frameBytes: number): Buffer;
  constant(register: number, value: number): Buffer;
  load(register: number, offset: number): Buffer;
  store(register: number, offset: number): Buffer;
  frameAddress(register: number, offset: number): Buffer;
  /** The address of something in the program; filled in by `fill`. */
  codeAddress(register: number): Buffer;
  /** Register 0 becomes the sum of 0 and 1. */
  readonly add: Buffer;
  /** Register 0 becomes what it points to. */
  readonly loadWord: Buffer;
  readonly loadByte: Buffer;
  /** Stores the low byte of register 1 where register 0 points to. */
  readonly storeByte: Buffer;
  /** Compares registers 0 and 1, signed, and jumps. */
  branch(condition: Condition): Buffer;
  readonly jump: Buffer;
  systemCall(number: number): Buffer;
  /** Fills in a distance; `at` is the end of the instruction that was emitted last before it. */
  fill(code: Buffer, fixup: Fixup, target: number): void;
}

export type SystemCall =
  | "clone"
  | "execve"
  | "exit_group"
  | "faccessat"
  | "getpid"
  | "inotify_add_watch"
  | "inotify_init1"
  | "ioctl"
  | "kill"
  | "ppoll"
  | "read"
  | "rt_sigprocmask"
  | "rt_sigtimedwait"
  | "setpgid"
  | "wait4"
  | "write";

export class Assembler {
  readonly #machine: Machine;
  readonly #parts: Buffer[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];
  readonly #variables = new Map<string, number>();
  readonly #constants: Buffer[] = [];
  #length = 0;

  /** @param variables eight bytes each; the last one has the rest of the frame */
  constructor(machine: Machine, options: { variables: readonly string[]; frameBytes: number }) {
    this.#machine = machine;
    for (const [index, name] of options.variables.entries()) this.#variables.set(name, index * 8);
    this.#emit(machine.enter(options.frameBytes));
    this.#store(options.variables[0]!);
  }

  label(name: string): void {
    this.#labels.set(name, this.#length);
  }

  set(variable: string, value: Operand): void {
    this.#load(0, value);
    this.#store(variable);
  }

  add(variable: string, a: Operand, b: Operand): void {
    this.#load(0, a);
    this.#load(1, b);
    this.#emit(this.#machine.add);
    this.#store(variable);
  }

  /** Eight bytes from memory. */
  word(variable: string, address: Operand): void {
    this.#load(0, address);
    this.#emit(this.#machine.loadWord);
    this.#store(variable);
  }

  byte(variable: string, address: Operand): void {
    this.#load(0, address);
    this.#emit(this.#machine.loadByte);
    this.#store(variable);
  }

  storeByte(address: Operand, value: Operand): void {
    this.#load(0, address);
    this.#load(1, value);
    this.#emit(this.#machine.storeByte);
  }

  jump(label: string): void {
    this.#emit(this.#machine.jump);
    this.#fixups.push({ at: this.#length, label, kind: "jump" });
  }

  jumpIf(a: Operand, condition: Condition, b: Operand, label: string): void {
    this.#load(0, a);
    this.#load(1, b);
    this.#emit(this.#machine.branch(condition));
    this.#fixups.push({ at: this.#length, label, kind: "branch" });
  }

  /** Calls the kernel; the result is in the variable `result`. */
  call(name: SystemCall, ...operands: readonly Operand[]): void {
    for (const [register, operand] of operands.entries()) this.#load(register, operand);
    this.#emit(this.#machine.systemCall(this.#machine.systemCalls[name]));
    this.#store("result");
  }

  /** The machine code, constants behind it. */
  code(): Buffer {
    for (const [index, bytes] of this.#constants.entries()) {
      this.label(`constant ${index}`);
      this.#emit(bytes);
    }
    const code = Buffer.concat(this.#parts);
    for (const fixup of this.#fixups) {
      const target = this.#labels.get(fixup.label);
      if (target === undefined) throw new Error(`No label "${fixup.label}"`);
      this.#machine.fill(code, fixup, target);
    }
    return code;
  }

  #emit(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  #load(register: number, operand: Operand): void {
    if (typeof operand === "number") return this.#emit(this.#machine.constant(register, operand));
    if (typeof operand === "string") return this.#emit(this.#machine.load(register, this.#offset(operand)));
    if ("addressOf" in operand) return this.#emit(this.#machine.frameAddress(register, this.#offset(operand.addressOf)));
    this.#emit(this.#machine.codeAddress(register));
    this.#fixups.push({ at: this.#length, label: `constant ${this.#constants.push(operand.bytes) - 1}`, kind: "address" });
  }

  #store(variable: string): void {
    this.#emit(this.#machine.store(0, this.#offset(variable)));
  }

  #offset(variable: string): number {
    const offset = this.#variables.get(variable);
    if (offset === undefined) throw new Error(`No variable "${variable}"`);
    return offset;
  }
}
