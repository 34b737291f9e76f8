/**
 * Protocol buffers for the few messages that BuildKit's clients exchange: a message is a table of its fields, from which
 * reading, writing and the TypeScript type follow. Fields that a table does not name are skipped.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { EngineError } from "../../errors.ts";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** How one value is written. */
interface Scalar<T> {
  readonly wire: typeof VARINT | typeof BYTES;
  /** What a field has that was not sent. */
  readonly empty: () => T;
  readonly read: (value: bigint | Buffer) => T;
  /** For VARINT a number, for BYTES the content without its length. */
  readonly write: (value: T) => bigint | Buffer;
  readonly isEmpty: (value: T) => boolean;
}

export interface Field<T> {
  readonly number: number;
  readonly empty: () => T;
  /** Takes one occurrence of the field in. */
  readonly merge: (before: T, value: bigint | Buffer) => T;
  readonly wire: typeof VARINT | typeof BYTES;
  readonly write: (value: T, out: Buffer[]) => void;
}

export interface Message<T> {
  /** @throws {EngineError} invalid when it is cut short or malformed */
  decode(data: Buffer): T;
  encode(value: Partial<T>): Buffer;
}

export type Decoded<M> = M extends Message<infer T> ? T : never;

/** A message by the names of its fields. */
export function message<T extends object>(fields: { readonly [K in keyof T]: Field<T[K]> }): Message<T> {
  const byNumber = new Map(
    Object.entries(fields as unknown as Record<string, Field<unknown>>).map(([name, field]) => [field.number, { name, field }]),
  );
  const encode = (value: Partial<T>): Buffer => {
    const out: Buffer[] = [];
    for (const { name, field } of byNumber.values()) {
      const each = (value as Record<string, unknown>)[name];
      if (each !== undefined) field.write(each, out);
    }
    return Buffer.concat(out);
  };
  const decode = (data: Buffer): T => {
    const value: Record<string, unknown> = {};
    for (const { name, field } of byNumber.values()) value[name] = field.empty();
    for (const { number, wire, content } of readFields(data)) {
      const known = byNumber.get(number);
      if (!known || content === undefined) continue;
      if (known.field.wire !== wire) throw malformed();
      value[known.name] = known.field.merge(value[known.name], content);
    }
    return value as T;
  };
  return { encode, decode };
}

export const text = (number: number): Field<string> => single(number, textScalar);
/** A file's name: a text whose characters are its bytes, because names need not be UTF-8. */
export const name = (number: number): Field<string> => single(number, nameScalar);
export const bytes = (number: number): Field<Buffer> => single(number, bytesScalar);
export const flag = (number: number): Field<boolean> => single(number, flagScalar);
/** Up to 2^53; negative numbers are not for this. */
export const integer = (number: number): Field<number> => single(number, integerScalar);
export const big = (number: number): Field<bigint> => single(number, bigScalar);

export const texts = (number: number): Field<readonly string[]> => repeated(number, textScalar);
export const byteses = (number: number): Field<readonly Buffer[]> => repeated(number, bytesScalar);

/** A message in a message; undefined when it was not sent. */
export function one<T>(number: number, type: Message<T>): Field<Partial<T> | undefined> {
  const scalar = embedded(type);
  return {
    number,
    wire: BYTES,
    empty: () => undefined,
    merge: (_before, value) => scalar.read(value),
    write: (value, out) => {
      if (value !== undefined) put(out, number, scalar.write(value));
    },
  };
}

export function many<T>(number: number, type: Message<T>): Field<readonly Partial<T>[]> {
  return repeated(number, embedded(type));
}

/** A map from texts to texts. */
export const textMap = (number: number): Field<Readonly<Record<string, string>>> => map(number, textScalar);
export const bytesMap = (number: number): Field<Readonly<Record<string, Buffer>>> => map(number, bytesScalar);

const textScalar: Scalar<string> = {
  wire: BYTES,
  empty: () => "",
  read: (value) => (value as Buffer).toString(),
  write: (value) => Buffer.from(value),
  isEmpty: (value) => value === "",
};

const nameScalar: Scalar<string> = {
  ...textScalar,
  read: (value) => (value as Buffer).toString("latin1"),
  write: (value) => Buffer.from(value, "latin1"),
};

const bytesScalar: Scalar<Buffer> = {
  wire: BYTES,
  empty: () => Buffer.alloc(0),
  read: (value) => value as Buffer,
  write: (value) => value,
  isEmpty: (value) => value.length === 0,
};

const flagScalar: Scalar<boolean> = {
  wire: VARINT,
  empty: () => false,
  read: (value) => value !== 0n,
  write: (value) => (value ? 1n : 0n),
  isEmpty: (value) => !value,
};

const integerScalar: Scalar<number> = {
  wire: VARINT,
  empty: () => 0,
  read: (value) => Number(value as bigint),
  write: (value) => BigInt(value),
  isEmpty: (value) => value === 0,
};

const bigScalar: Scalar<bigint> = {
  wire: VARINT,
  empty: () => 0n,
  read: (value) => BigInt.asIntN(64, value as bigint),
  write: (value) => BigInt.asUintN(64, value),
  isEmpty: (value) => value === 0n,
};

function embedded<T>(type: Message<T>): Scalar<Partial<T>> {
  return {
    wire: BYTES,
    empty: () => ({}),
    read: (value) => type.decode(value as Buffer) as Partial<T>,
    write: (value) => type.encode(value),
    isEmpty: () => false,
  };
}

function single<T>(number: number, scalar: Scalar<T>): Field<T> {
  return {
    number,
    wire: scalar.wire,
    empty: scalar.empty,
    merge: (_before, value) => scalar.read(value),
    write: (value, out) => {
      if (!scalar.isEmpty(value)) put(out, number, scalar.write(value));
    },
  };
}

function repeated<T>(number: number, scalar: Scalar<T>): Field<readonly T[]> {
  return {
    number,
    wire: scalar.wire,
    empty: () => [],
    merge: (before, value) => {
      (before as T[]).push(scalar.read(value));
      return before;
    },
    write: (values, out) => {
      for (const value of values) put(out, number, scalar.write(value));
    },
  };
}

/** A map is a list of messages with the fields 1 (key) and 2 (value). */
function map<T>(number: number, scalar: Scalar<T>): Field<Readonly<Record<string, T>>> {
  const entry = message({ key: single(1, textScalar), value: single(2, scalar) });
  return {
    number,
    wire: BYTES,
    empty: () => Object.create(null) as Record<string, T>,
    merge: (before, data) => {
      const { key, value } = entry.decode(data as Buffer);
      (before as Record<string, T>)[key] = value;
      return before;
    },
    write: (value, out) => {
      for (const [key, each] of Object.entries(value))
        put(out, number, entry.encode({ key, value: each } as Partial<{ key: string; value: T }>));
    },
  };
}

function put(out: Buffer[], number: number, value: bigint | Buffer): void {
  if (typeof value === "bigint") return void out.push(varint(BigInt(number * 8 + VARINT)), varint(value));
  out.push(varint(BigInt(number * 8 + BYTES)), varint(BigInt(value.length)), value);
}

function varint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Buffer.from(out);
}

interface Raw {
  readonly number: number;
  readonly wire: number;
  /** Undefined for the kinds that no message here has. */
  readonly content: bigint | Buffer | undefined;
}

function* readFields(data: Buffer): Generator<Raw> {
  for (let at = 0; at < data.length;) {
    const tag = readVarint(data, at);
    at = tag.next;
    const [number, wire] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    if (wire === VARINT) {
      const { value, next } = readVarint(data, at);
      at = next;
      yield { number, wire, content: value };
      continue;
    }
    const length = wire === BYTES ? readVarint(data, at) : undefined;
    const [begin, size] = length ? [length.next, Number(length.value)] : [at, fixedSize(wire)];
    at = begin + size;
    if (at > data.length) throw malformed();
    yield { number, wire, content: wire === BYTES ? data.subarray(begin, at) : undefined };
  }
}

function fixedSize(wire: number): number {
  if (wire === FIXED64) return 8;
  if (wire === FIXED32) return 4;
  throw malformed();
}

function readVarint(data: Buffer, begin: number): { value: bigint; next: number } {
  // Nearly all are small: numbers up to 2^28 need no bigint on the way.
  let small = 0;
  for (let at = begin, shift = 0; shift < 28; at++, shift += 7) {
    const byte = data[at];
    if (byte === undefined) throw malformed();
    small |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt(small), next: at + 1 };
  }
  let value = BigInt(small);
  for (let at = begin + 4, shift = 28n; shift < 70n; at++, shift += 7n) {
    const byte = data[at];
    if (byte === undefined) throw malformed();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: at + 1 };
  }
  throw malformed();
}

function malformed(): EngineError {
  return new EngineError("invalid", "malformed protocol buffer message");
}
