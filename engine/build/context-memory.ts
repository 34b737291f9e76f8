/**
 * What the builder remembers of directories between builds, so that an unchanged context costs one look at each name and
 * nothing else: entries, names and digests of what was looked at, and the digests of what steps selected.
 * An entry that is the same object as last time is the same file: its inode, size and times are what they were, and they
 * were old enough that another change would show.
 */
import type { Stats } from "node:fs";
import type { TreeEntry } from "./file-tree.ts";
import type { StatCache } from "./stat-cache.ts";

/** What tells a changed file; the rest of what stat says is in the entry, and changes with the change time. */
export type FileTimes = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs" | "ctimeMs">;

export interface Known {
  readonly entry: TreeEntry;
  readonly times: FileTimes;
  /** Whether another change would show in the times. */
  readonly settled: boolean;
  digest?: string;
  /** Of a directory, in byte order. */
  names?: readonly string[];
  /** The last look at it. */
  look: number;
}

export interface RememberedSelection {
  readonly entries: readonly TreeEntry[];
  /** What manifestOf says of them. */
  readonly manifest: ReadonlyMap<string, string>;
  /** Of the manifest. */
  readonly digest: string;
  readonly roots: readonly string[];
  /** The look that it is of. */
  readonly look: number;
}

/** A look at a directory for a build that has been announced. */
export interface Ahead {
  readonly id: string;
  readonly turn: number;
  /** Whether nothing has changed since. */
  holds(): boolean;
  end(): void;
}

const KEPT_SELECTIONS = 50;

/** One directory. Used by one build at a time. */
export class DirectoryMemory {
  readonly known = new Map<string, Known>();
  readonly statCache: StatCache | undefined;
  readonly #selections = new Map<string, RememberedSelection>();
  #look = 0;
  #ahead: Ahead | undefined;
  #unchanged: { readonly since: number; readonly turn: number } | undefined;

  /** @param statCache remembers digests longer than this */
  constructor(statCache?: StatCache) {
    this.statCache = statCache;
  }

  /** Begins a build, which looks at everything anew, unless that was done for it. @param announced its announcement's id */
  begin(announced?: string): number {
    const ahead = this.#ahead;
    const holds = ahead !== undefined && ahead.id === announced && ahead.holds();
    this.forgetAhead();
    return holds ? ahead.turn : ++this.#look;
  }

  get lastLook(): number {
    return this.#look;
  }

  /** Until the next build begins; of a turn that begin() gave just now. */
  setAhead(ahead: Ahead): void {
    this.#ahead = ahead;
  }

  isAhead(ahead: Ahead): boolean {
    return this.#ahead === ahead;
  }

  forgetAhead(): void {
    this.#ahead?.end();
    this.#ahead = undefined;
  }

  /** Everything that a look saw was looked at in a turn, and was the same: whoever selects the same of it selects the same files. */
  setUnchanged(since: number, turn: number): void {
    this.#unchanged = { since, turn };
  }

  /** Ends a build: names that are gone are forgotten when they have become many. */
  end(): void {
    let current = 0;
    for (const { look } of this.known.values()) if (look === this.#look) current++;
    if (this.known.size < 2 * current + 1000) return;
    for (const [path, { look }] of this.known) if (look !== this.#look) this.known.delete(path);
  }

  /** What a step selected last time. */
  selection(name: string): RememberedSelection | undefined {
    return this.#selections.get(name);
  }

  /** The same, when it is known to be the same now. */
  unchangedSelection(name: string): RememberedSelection | undefined {
    const [selection, unchanged] = [this.#selections.get(name), this.#unchanged];
    if (!selection || !unchanged || unchanged.turn !== this.#look) return undefined;
    if (selection.look !== unchanged.since && selection.look !== this.#look) return undefined;
    return this.#keep(name, { ...selection, look: this.#look });
  }

  /** Of the look of now. */
  keepSelection(name: string, selection: Omit<RememberedSelection, "look">): void {
    this.#keep(name, { ...selection, look: this.#look });
  }

  #keep(name: string, selection: RememberedSelection): RememberedSelection {
    this.#selections.delete(name);
    this.#selections.set(name, selection);
    if (this.#selections.size > KEPT_SELECTIONS) this.#selections.delete(this.#selections.keys().next().value!);
    return selection;
  }
}

/** Entries of all directories together, some hundred bytes each. */
const KEPT_ENTRIES = 50_000;

/** Somebody who has not built for so long does not wait for one more second, and others may use the memory. */
const KEPT_MS = 10 * 60_000;

/** The memories of a builder. */
export class ContextMemory {
  readonly #directories = new Map<string, DirectoryMemory>();
  #timer: NodeJS.Timeout | undefined;

  /** Undefined when nothing is known, or another build uses it. Whoever takes it gives it back. */
  take(directory: string): DirectoryMemory | undefined {
    const memory = this.#directories.get(directory);
    this.#directories.delete(directory);
    return memory;
  }

  /** For who looks ahead: it stays here. Undefined when nothing is known, or a build uses it. */
  peek(directory: string): DirectoryMemory | undefined {
    return this.#directories.get(directory);
  }

  give(directory: string, memory: DirectoryMemory): void {
    memory.end();
    this.#directories.delete(directory);
    this.#directories.set(directory, memory);
    for (let total = this.#size(); total > KEPT_ENTRIES; total = this.#size())
      this.#directories.delete(this.#directories.keys().next().value!);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#directories.clear(), KEPT_MS).unref();
  }

  #size(): number {
    let total = 0;
    for (const { known } of this.#directories.values()) total += known.size;
    return total;
  }
}
