/**
 * A blob that is unpacked while it arrives: one thread writes the file, a layer worker reads behind it. What they share is
 * one piece of memory; the bytes go through the file, which has to be written anyhow.
 */
import { readSync } from "node:fs";

const TURN = 0;
const STATE = 1;
const DONE = 1;
const FAILED = 2;
const CHUNK = 1 << 18;
/** A reader that nobody wakes looks by itself whether it is still wanted. */
const LOOK_MS = 500;

/** The writer's end. The file is only ever appended to, or begun again with the same bytes. */
export class Arrival {
  readonly path: string;
  /** Crosses to the worker. */
  readonly state = new Int32Array(new SharedArrayBuffer(8));

  readonly later: string;

  constructor(path: string, later: string) {
    this.path = path;
    this.later = later;
  }

  /** More bytes are in the file. */
  grew(): void {
    Atomics.add(this.state, TURN, 1);
    Atomics.notify(this.state, TURN);
  }

  /** No more bytes come; unless `whole`, what is there is not all. */
  end(whole: boolean): void {
    Atomics.store(this.state, STATE, whole ? DONE : FAILED);
    this.grew();
  }
}

/**
 * The bytes of an open file, up to its end, or to the end of its arrival. Each chunk is good until the next one is asked for.
 * @throws {Error} when the arrival failed
 */
export async function* readArriving(file: number, state: Int32Array | undefined, checkStop: () => void): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  for (let offset = 0; ;) {
    // Looked at before reading: what was written until then is read.
    const [turn, now] = state ? [Atomics.load(state, TURN), Atomics.load(state, STATE)] : [0, DONE];
    const read = readSync(file, buffer, 0, CHUNK, offset);
    offset += read;
    checkStop();
    if (read > 0) yield buffer.subarray(0, read);
    else if (now === DONE) return;
    else if (now === FAILED) throw new Error("The download did not end well");
    else await waitForTurn(state!, turn);
  }
}

async function waitForTurn(state: Int32Array, turn: number): Promise<void> {
  await Atomics.waitAsync(state, TURN, turn, LOOK_MS).value;
}
