import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BUNDLE, collectWords } from "./l10n.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): Record<string, string> => JSON.parse(readFileSync(join(root, path), "utf8")) as Record<string, string>;

/** Places where a person reads what stands there: errors, messages, and what names a field. */
const SHOWN = [
  /\bnew (?:\w*Error)\((?:\d+, )?\s*(["'`].*)/,
  /\bshow(?:Error|Warning|Information)Message\(\s*(["'`].*)/,
  /(?<!")\b(?:title|prompt|placeHolder|placeholder|openLabel|saveLabel|description|detail|tooltip|label|message|heading)\s*[:=] ?\s*(["'`].*)/,
];

/** Names, addresses and formats are the same in every language. */
const NAMES =
  /^["'`](?:Docker Hub|GitHub|Podman|SSH|TCP|Node\.js|Python|Java|Go|\.NET|C\+\+|Ruby|Rust|HTML|scratch|service:|status>=|[a-z]+:\/\/|ghcr\.io|docker\.io|label:)/;

/** A word of a language: two letters in a row outside of what is filled in. */
const isWord = (literal: string): boolean => /[A-Za-z]{2}/.test(literal.replaceAll(/\$\{[^}]*\}|\$\([^)]*\)/g, ""));

/** Documentation stays in its authors' language. */
const OWN_LANGUAGE = ["src/language/server/dockerfile/docs.ts"];

test("what is shown goes through t()", () => {
  const files = globSync(["src/**/*.ts", "webviews/**/*.ts"], { cwd: root }).filter(
    (file) => !file.endsWith(".test.ts") && !OWN_LANGUAGE.includes(file),
  );
  const bare = files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, at) => {
        const literal = SHOWN.map((pattern) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
        const text = literal && /^(["'`])(?:(?!\1)[^\\]|\\.)*\1/.exec(literal)?.[0];
        return text && isWord(text) && !NAMES.test(text) ? [`${file}:${at + 1} ${text}`] : [];
      }),
  );
  assert.deepEqual(bare, []);
});

test("l10n/bundle.l10n.json holds the words that are shown: `node scripts/l10n.ts` writes it", () => {
  assert.deepEqual(JSON.parse(readFileSync(BUNDLE, "utf8")), collectWords());
});

/** Parts of a sentence that have to be in its translation, too. */
const marks = (text: string): string[] =>
  [...text.matchAll(/\{\d+\}|\]\(command:[^)]*\)|\$\([\w-]+\)|#[\w.]+#|`[^`]*`/g)].map(([mark]) => mark).toSorted();

for (const language of ["de"])
  for (const [english, translated] of [
    ["package.nls.json", `package.nls.${language}.json`],
    ["l10n/bundle.l10n.json", `l10n/bundle.l10n.${language}.json`],
  ] as const) {
    test(`${translated} says nothing that nobody asks for, and fills in the same`, () => {
      const [words, translation] = [read(english), read(translated)];
      assert.deepEqual(
        Object.keys(translation).filter((key) => !(key in words)),
        [],
      );
      assert.deepEqual(
        Object.entries(translation).filter(([key, text]) => marks(text).join() !== marks(words[key]!).join()),
        [],
      );
    });

    test(`${translated} is nearly complete: what is new may be missing for a while`, () => {
      const [words, translation] = [read(english), read(translated)];
      const missing = Object.keys(words).filter((key) => !(key in translation));
      assert.ok(missing.length <= Object.keys(words).length * 0.03, `Missing: ${missing.join(" | ")}`);
    });
  }
