/** The keys that end an attach without ending the container: Ctrl-P Ctrl-Q, or what the client chose. */
import { Transform } from "node:stream";
import { EngineError } from "../errors.ts";

const DEFAULT_KEYS = "ctrl-p,ctrl-q";
const NAMED: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/**
 * The bytes of a sequence such as `ctrl-p,ctrl-q` or `a,ctrl-[`.
 * @throws {EngineError} invalid with Docker's sentence
 * @see https://github.com/moby/term/blob/v0.5.2/ascii.go
 */
export function parseDetachKeys(keys: string): Buffer {
  return Buffer.from((keys || DEFAULT_KEYS).split(",").map(keyByte));
}

function keyByte(key: string): number {
  if (key.length === 1) return key.charCodeAt(0);
  const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
  const code = control === undefined ? undefined : (NAMED[control] ?? (/[a-z]/.test(control) ? control.charCodeAt(0) - 96 : undefined));
  if (code === undefined) throw new EngineError("invalid", `Unknown character: '${key}'`);
  return code;
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
