import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setWords } from "../language/server/words.ts";
import { inEditorsWords, isKnown } from "./said.ts";

const host = join(import.meta.dirname, "../../engine/host");
after(() => setWords({}));

/** What is said of this machine and of ssh: the literals of those files that are sentences. */
for (const file of ["preflight.ts", "ssh-complaint.ts"])
  test(`every sentence of ${file} is known here`, () => {
    const code = readFileSync(join(host, file), "utf8").replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$|new Error\("[^"]*"\)/gm, "");
    const literals = [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(([, plain, filled]) => plain ?? filled!);
    const filled = literals.map((text) => text.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, "x").replaceAll("\\`", "`"));
    const sentences = filled.filter((text) => text.split(" ").length > 2 && !/^(sudo|x x$)/.test(text));
    assert.ok(sentences.length >= 7, sentences.join("\n"));
    assert.deepEqual(
      sentences.filter((text) => !isKnown(text)),
      [],
    );
  });

test("inEditorsWords() translates the lines that it knows, with what is filled in", () => {
  setWords({ '"{0}" cannot be reached': "„{0}“ ist nicht zu erreichen", "error during connect: {0}": "keine Verbindung: {0}" });
  assert.equal(
    inEditorsWords('error during connect: "far" cannot be reached\ncommand [ssh far] has exited'),
    "keine Verbindung: „far“ ist nicht zu erreichen\ncommand [ssh far] has exited",
  );
});
