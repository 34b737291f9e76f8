import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { TerminalScreen } from "./build-terminal.ts";
import { textWidth } from "./text-width.ts";

test("lines of a build fit the terminal, whatever is in them; a narrower one is wiped whole", () => {
  const written: string[] = [];
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 40, rows: 24 });
  output.on("data", (chunk: Buffer) => written.push(chunk.toString()));
  const screen = new TerminalScreen(output, () => 0);
  screen.show({ type: "start", step: "a", name: `[1/2] RUN echo ${"構築".repeat(20)} && \\\n  echo 🚀` });
  screen.show({ type: "log", step: "a", data: `${"e\u0301🚀한".repeat(30)}\n` });
  screen.redraw();
  output.columns = 20;
  screen.redraw();
  screen.close();
  const [first, second] = written.map((frame) => frame.replaceAll(/\x1b\[(?:\?25[hl]|\d*m)/g, ""));
  const lines = first!.trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, 2), ["[+] Building 0.0s (0/1)", ` => [1/2] RUN echo ${"構築".repeat(3)}構… 0.0s`]);
  assert.ok(lines.length === 3 && lines.every((line) => textWidth(line) <= 40), first);
  assert.match(second!, /^\x1b\[6A\x1b\[J/, "three lines, each of which takes two rows now");
});

test("a terminal that does not know its size is taken for a usual one", () => {
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 0, rows: 0 });
  const screen = new TerminalScreen(output, () => 0);
  screen.show({ type: "start", step: "a", name: "[1/2] RUN echo begun" });
  screen.redraw();
  screen.close();
  const written = (output.read() as Buffer).toString();
  assert.match(written, /^ => \[1\/2\] RUN echo begun {20,}0\.0s$/m);
  assert.match(written, /\x1b\[2A\x1b\[J/);
});
