/** The keys that end an attach without ending the container: Ctrl-P Ctrl-Q, or what the client chose. */
import { Transform } from "node:stream";
import { EngineError } from "../errors.ts";

const DEFAULT_KEYS = "ctrl-p,ctrl-q";
const NAMED: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/**
 * The bytes of a sequence such as `ctrl-p,ctrl-q` or `a,ctrl-[`; undefined when a key does not exist.
 * @see https://github.com/moby/term/blob/v0.5.2/ascii.go
 */
export function readDetachKeys(keys: string): Buffer | undefined {
  const codes = (keys || DEFAULT_KEYS).split(",").map(keyByte);
  return codes.includes(undefined) ? undefined : Buffer.from(codes as number[]);
}

/** As readDetachKeys(). @throws {EngineError} invalid with the sentence that Docker has for attach */
export function parseDetachKeys(keys: string): Buffer {
  const bytes = readDetachKeys(keys);
  if (!bytes) throw new EngineError("invalid", `Invalid detach keys (${keys}) provided`);
  return bytes;
}

function keyByte(key: string): number | undefined {
  if (key.length === 1) return key.charCodeAt(0);
  if (key === "DEL") return 127;
  const control = /^ctrl-(.)$/.exec(key)?.[1] ?? "";
  return NAMED[control] ?? (/[a-z]/.test(control) ? control.charCodeAt(0) - 96 : undefined);
}

/**
 * Passes on what is typed until the whole sequence was; then it calls `detach` and passes on nothing more. A beginning of
 * the sequence is held back until the next key decides.
 */
export function detachFilter(keys: Buffer, detach: () => void): Transform {
  let seen = 0;
  let detached = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const out: number[] = [];
      for (const byte of chunk) {
        if (detached) break;
        if (byte === keys[seen]) {
          seen += 1;
          detached = seen === keys.length;
          continue;
        }
        out.push(...keys.subarray(0, seen));
        seen = byte === keys[0] ? 1 : 0;
        if (seen === 0) out.push(byte);
      }
      if (detached) detach();
      done(null, Buffer.from(out));
    },
    flush(done) {
      done(null, detached ? null : Buffer.from(keys.subarray(0, seen)));
    },
  });
}
