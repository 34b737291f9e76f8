/**
 * Answers from outside, kept for a moment: package managers ask for the same few names again and again, and resolvers in
 * virtual machines are often slow or lossy.
 */
import dns from "dns-packet";

const LONGEST_MS = 30_000;
const MOST = 1000;
/** Header bits of a question that change its answer: recursion desired, checking disabled. */
const RD = 0x01;
const CD = 0x10;

interface Kept {
  readonly answer: Buffer;
  readonly until: number;
}

export class AnswerCache {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The kept answer, made to fit this question: its number and its spelling of the name. */
  get(question: Buffer, servers: string): Buffer | undefined {
    const key = keyOf(question, servers);
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    if (kept.until <= this.#now()) {
      this.#kept.delete(key);
      return undefined;
    }
    return fitted(kept.answer, question);
  }

  /** Keeps an answer that says something, as long as all of it is good. */
  put(question: Buffer, servers: string, answer: Buffer): void {
    const lifeMs = Math.min(LONGEST_MS, lifeOf(answer));
    if (lifeMs <= 0) return;
    if (this.#kept.size >= MOST) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(keyOf(question, servers), { answer: Buffer.from(answer), until: this.#now() + lifeMs });
  }
}

/** All of the question but its number; case does not matter in names, and is kept out of nothing else that counts here. */
function keyOf(question: Buffer, servers: string): string {
  const flags = (question[2]! & RD) | (question[3]! & CD);
  return `${servers} ${flags} ${question.subarray(4).toString("latin1").toLowerCase()}`;
}

/** Replaces number and question, which both have the same length in question and answer. */
export function fitted(answer: Buffer, question: Buffer): Buffer {
  const bytes = Buffer.from(answer);
  bytes.writeUInt16BE(question.readUInt16BE());
  let end = 12;
  while (end < question.length && question[end] !== 0) end += question[end]! + 1;
  question.copy(bytes, 12, 12, end);
  return bytes;
}

/** Milliseconds until the first record ends; 0 for failures, empty and cut answers. */
function lifeOf(answer: Buffer): number {
  const [TC, CODE] = [0x02, 0x0f];
  if ((answer[2]! & TC) !== 0 || (answer[3]! & CODE) !== 0) return 0;
  try {
    const records = dns.decode(answer).answers ?? [];
    const lives = records.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0));
    return lives.length > 0 ? Math.min(...lives) * 1000 : 0;
  } catch {
    return 0;
  }
}
