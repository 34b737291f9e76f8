/**
 * The C library, reached through koffi. A wrong signature kills the process, so every call is declared once, beside its
 * noun (mount.ts, xattr.ts, spawn.ts…), and has a test. Loading costs 15 ms, so it happens at the first call.
 */
import { createRequire } from "node:module";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { EngineError } from "../errors.ts";

type Koffi = typeof import("koffi");
type Library = ReturnType<Koffi["load"]>;
type Callback = (error: unknown, result: number) => void;
type Foreign = ((...values: unknown[]) => number) & { async: (...values: [...unknown[], Callback]) => void };

let koffi: Koffi | undefined;
let library: Library | undefined;

function load(): Library {
  // koffi is a native package outside the bundle, hence require. `null` is what the process has loaded already, so that
  // glibc and musl need no file name.
  koffi ??= createRequire(import.meta.url)("koffi") as Koffi;
  return (library ??= koffi.load(null));
}

/** A file name: text, or raw bytes when the name may not be UTF-8. */
export type Path = string | Buffer;

/** A C function with numbers for a result; its text arguments take strings and its pointers take Buffers. */
export interface CFunction {
  (...values: unknown[]): number;
  /** Runs on a thread of libuv's pool and so holds one of them while it blocks; fails like `check()`. */
  async(what: string, ...values: unknown[]): Promise<number>;
}

/** A struct that a prototype names: its fields with their C types, in order. */
export interface Struct {
  readonly name: string;
  readonly fields: Readonly<Record<string, string>>;
}

const declared = new Set<string>();

/**
 * Declares one C function, e.g. `declare("int chroot(const char *path)")`.
 * Integers are 32 bits unless declared otherwise; pointers that C writes to are `void *` and take a Buffer.
 * @param structs those of the prototype, inner ones first
 */
export function declare(prototype: string, ...structs: readonly Struct[]): CFunction {
  let foreign: Foreign | undefined;
  const resolve = (): Foreign => {
    if (foreign) return foreign;
    const library = load();
    for (const { name, fields } of structs) if (!declared.has(name)) koffi!.struct(name, { ...fields });
    for (const { name } of structs) declared.add(name);
    return (foreign = library.func(prototype) as Foreign);
  };
  const call = (...values: unknown[]): number => resolve()(...values);
  return Object.assign(call, {
    async: (what: string, ...values: unknown[]): Promise<number> =>
      new Promise((done, fail) => {
        resolve().async(...values, (error: unknown, result: number) => {
          if (error) fail(error);
          else if (result < 0) fail(new SystemCallError(what, lastErrno()));
          else done(result);
        });
      }),
  });
}

/** `errno` of the last call on this thread. Read it before anything else is called. */
export function lastErrno(): number {
  load();
  return koffi!.errno();
}

/** A system call said no. `code` is Node's, e.g. `EBUSY`, so that it compares like a file system error's. */
export class SystemCallError extends EngineError {
  readonly code: string;
  readonly errno: number;

  /** @param what the action and its object: `mount "/data"` becomes `Cannot mount "/data": permission denied (EPERM)` */
  constructor(what: string, errno: number) {
    const code = getSystemErrorName(-errno);
    const reason = code === "EPERM" ? "permission denied" : getSystemErrorMessage(-errno);
    super("internal", `Cannot ${what}: ${reason} (${code})`);
    this.name = "SystemCallError";
    this.code = code;
    this.errno = errno;
  }
}

/**
 * The result of a system call that reports failure with a negative number.
 * @throws {SystemCallError}
 */
export function check(result: number, what: string): number {
  if (result < 0) throw new SystemCallError(what, lastErrno());
  return result;
}

/** The name with its terminating NUL, as C wants it: for names that may not be UTF-8. */
export function cString(path: Path): Path {
  return typeof path === "string" ? path : Buffer.concat([path, Buffer.from([0])]);
}

/** A name as shown in a message. */
export function quote(path: Path): string {
  return JSON.stringify(path.toString());
}

/** `error.code` of a system or file system error, else undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}
