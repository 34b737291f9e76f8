/** A build's own look at its context may be made for it before: it sees the same. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, mock, test } from "node:test";
import { DirectoryMemory } from "./context-memory.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { walk } from "./file-tree.ts";
import { lookAhead, readAnnouncement } from "./look-ahead.ts";

// What changed within the last two seconds is never remembered: let it be later.
const LATER_MS = 60_000;
before(() => mock.timers.enable({ apis: ["Date"], now: Date.now() + LATER_MS }));
after(() => mock.timers.reset());

async function content(directory: string, memory: DirectoryMemory, turn?: number): Promise<string[]> {
  const tree = new DirectoryTree(directory, { owner: "root", memory, ...(turn !== undefined && { turn }) });
  const lines: string[] = [];
  for (const entry of walk(tree, ""))
    lines.push(`${entry.path} ${entry.type} ${entry.mode.toString(8)} ${entry.type === "file" ? await tree.digest(entry) : ""}`);
  return lines;
}

type Act = (directory: string) => unknown;

/** What happens to a directory, and whether a look before it holds afterwards. */
const acts: Readonly<Record<string, { act: Act; holds: boolean }>> = {
  nothing: { act: () => undefined, holds: true },
  "a file is read": { act: (at) => readFileSync(join(at, "a/1")), holds: true },
  "a file of the same size": { act: (at) => writeFileSync(join(at, "a/1"), "other"), holds: false },
  "a file in a deep directory": { act: (at) => writeFileSync(join(at, "a/b/c/deep"), "changed"), holds: false },
  "a mode": { act: (at) => chmodSync(join(at, "top"), 0o700), holds: false },
  "the mode of a directory": { act: (at) => chmodSync(join(at, "a/b"), 0o711), holds: false },
  "a new directory": { act: (at) => mkdirSync(join(at, "a/new")), holds: false },
  "a directory that goes": { act: (at) => rmSync(join(at, "a/b"), { recursive: true }), holds: false },
  "another directory in its place": {
    act: (at) => {
      renameSync(join(at, "a"), `${at}-away`);
      mkdirSync(join(at, "a"));
      writeFileSync(join(at, "a/1"), "else");
      rmSync(`${at}-away`, { recursive: true });
    },
    holds: false,
  },
  "a directory above": {
    act: (at) => {
      renameSync(dirname(at), `${dirname(at)}-away`);
      mkdirSync(at, { recursive: true });
      writeFileSync(join(at, "top"), "else");
    },
    holds: false,
  },
};

/** Older kernels' clock for files stands still for some milliseconds: what changes from now on has another time. */
function nextMoment(directory: string): void {
  const now = (): number => {
    writeFileSync(`${directory}-probe`, "");
    return statSync(`${directory}-probe`).ctimeMs;
  };
  for (const before = now(); now() === before;);
}

/** Tried with many files, too. */
const AT_WORK = ["nothing", "a file in a deep directory", "a new directory"];

type Work = (at: { directory: string; memory: DirectoryMemory }) => Promise<void>;

/** @param later when the first look takes place: in milliseconds after the files were made */
async function withDirectory(work: Work, later = LATER_MS): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "berth-ahead-"));
  const directory = join(base, "parent/context");
  try {
    mkdirSync(join(directory, "a/b/c"), { recursive: true });
    for (const name of ["top", "a/1", "a/2", "a/b/3", "a/b/c/deep"]) writeFileSync(join(directory, name), name.padEnd(5));
    const memory = new DirectoryMemory();
    mock.timers.setTime(statSync(join(directory, "a/b/c/deep")).ctimeMs + later);
    await content(directory, memory);
    mock.timers.setTime(statSync(join(directory, "a/b/c/deep")).ctimeMs + LATER_MS);
    memory.keepSelection("all", { entries: [], manifest: new Map(), digest: "", roots: [] });
    memory.end();
    nextMoment(directory);
    await work({ directory, memory });
    memory.forgetAhead();
  } finally {
    rmSync(base, { recursive: true });
  }
}

for (const [name, { act, holds }] of Object.entries(acts)) {
  test(`lookAhead() before this ${holds ? "holds" : "does not hold"}: ${name}`, () =>
    withDirectory(async ({ directory, memory }) => {
      await lookAhead({ id: "1", contextDir: directory }, memory);
      const turn = memory.lastLook;
      act(directory);
      const own = memory.begin("1");
      assert.equal(own === turn, holds);
      assert.equal(memory.unchangedSelection("all") !== undefined, holds);
      assert.deepEqual(await content(directory, memory, own), await content(directory, new DirectoryMemory()));
    }));

  test(`lookAhead() after this sees it: ${name}`, () =>
    withDirectory(async ({ directory, memory }) => {
      act(directory);
      await lookAhead({ id: "1", contextDir: directory }, memory);
      const own = memory.begin("1");
      assert.equal(memory.unchangedSelection("all") !== undefined, holds);
      assert.deepEqual(await content(directory, memory, own), await content(directory, new DirectoryMemory()));
    }));

  test(`lookAhead() sees it when the last build was too soon to remember anything: ${name}`, () =>
    withDirectory(async ({ directory, memory }) => {
      act(directory);
      await lookAhead({ id: "1", contextDir: directory }, memory);
      const own = memory.begin("1");
      assert.equal(memory.unchangedSelection("all") !== undefined, holds);
      assert.deepEqual(await content(directory, memory, own), await content(directory, new DirectoryMemory()));
    }, 0));

  if (AT_WORK.includes(name))
    test(`a build that begins while lookAhead() is at work sees it: ${name}`, () =>
      withDirectory(async ({ directory, memory }) => {
        for (let index = 0; index < 420; index++) writeFileSync(join(directory, `a/many-${index}`), "");
        await content(directory, memory);
        nextMoment(directory);
        const looking = lookAhead({ id: "1", contextDir: directory }, memory);
        act(directory);
        const own = memory.begin("1");
        assert.deepEqual(await content(directory, memory, own), await content(directory, new DirectoryMemory()));
        await looking;
        assert.equal(memory.unchangedSelection("all"), undefined, "not everything was looked at");
      }));
}

test("lookAhead() counts for the build that was announced, once", () =>
  withDirectory(async ({ directory, memory }) => {
    for (const ids of [["2"], [undefined], ["1", "1"]]) {
      await lookAhead({ id: "1", contextDir: directory }, memory);
      const turn = memory.lastLook;
      const turns = ids.map((id) => memory.begin(id));
      assert.deepEqual(turns, ids[0] === "1" ? [turn, turn + 1] : [turn + 1]);
    }
    await lookAhead({ id: "1", contextDir: directory }, memory);
    await lookAhead({ id: "2", contextDir: directory }, memory);
    const turn = memory.lastLook;
    assert.equal(memory.begin("2"), turn);
  }));

test("readAnnouncement() takes what makes sense", () => {
  assert.deepEqual(readAnnouncement('{"id":"1","contextDir":"/x","more":1}'), { id: "1", contextDir: "/x" });
  for (const line of ["", "x", "null", "[]", "{}", '{"id":1,"contextDir":"/x"}', '{"id":"1"}'])
    assert.equal(readAnnouncement(line), undefined, line);
});
