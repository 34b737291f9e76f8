import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { droppable, rest } from "./rest.ts";

/** One mapping as /proc/PID/smaps shows it, with sizes of `what` in kB. */
function mapping(line: string, what: Record<string, number> = {}): string {
  const sizes = { Size: 1024, Rss: 900, Shared_Dirty: 0, Private_Dirty: 0, Anonymous: 0, Swap: 0, Locked: 0, ...what };
  return [line, ...Object.entries(sizes).map(([name, kb]) => `${name}:`.padEnd(16) + `${kb} kB`), "VmFlags: rd ex mr mw me", ""].join("\n");
}

const cases: [what: string, smaps: string, dropped: boolean][] = [
  ["a program's code", mapping("55d000000000-55d000100000 r-xp 00a00000 fe:00 260386   /usr/bin/node"), true],
  ["its constants", mapping("55d000000000-55d000100000 r--p 00000000 fe:00 260386   /usr/bin/node with spaces"), true],
  ["what the loader wrote to", mapping("55d000000000-55d000100000 r--p 00000000 fe:00 26   /usr/bin/node", { Anonymous: 8 }), false],
  ["what is swapped out", mapping("55d000000000-55d000100000 r--p 00000000 fe:00 26   /usr/bin/node", { Swap: 8 }), false],
  ["what is dirty", mapping("55d000000000-55d000100000 r--p 00000000 fe:00 26   /usr/bin/node", { Private_Dirty: 8 }), false],
  ["what can be written", mapping("55d000000000-55d000100000 rw-p 00000000 fe:00 260386   /usr/bin/node"), false],
  ["what is shared with others' writing", mapping("55d000000000-55d000100000 r--s 00000000 fe:00 260386   /usr/bin/node"), false],
  ["memory without a file", mapping("7f0000000000-7f0000100000 r--p 00000000 00:00 0 "), false],
  ["the kernel's own pages", mapping("7ffd00000000-7ffd00100000 r-xp 00000000 00:00 0   [vdso]"), false],
  ["little", mapping("55d000000000-55d000001000 r-xp 00a00000 fe:00 260386   /usr/bin/node"), false],
];
for (const [what, smaps, dropped] of cases)
  test(`droppable() ${dropped ? "lets go of" : "keeps"} ${what}`, () => {
    const other = mapping("400000000000-400000200000 rw-p 00000000 00:00 0   [heap]", { Anonymous: 700 });
    const want = dropped ? [{ start: 0x55d000000000, length: 0x100000 }] : [];
    assert.deepEqual(droppable(other + smaps + other), want);
  });

test("rest() lets go of the program's pages, and all goes on", () => {
  const resident = (): number => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]);
  const before = resident();
  rest();
  const after = resident();
  assert.ok(after < before / 2, `${before} kB before, ${after} kB after`);
  assert.equal(JSON.stringify(new Date(0)), '"1970-01-01T00:00:00.000Z"');
});
