/**
 * Whatever the text, no feature throws, and none keeps a keystroke waiting. `BERTH_FUZZ=5000` for the long run;
 * `BERTH_BENCH=1 BERTH_KEYSTROKES=500` prints the times of many.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { applyEdits } from "../../../test/support/marked.ts";
import { BuildResults } from "./build-results.ts";
import { dockerfileLanguage } from "./dockerfile/language.ts";
import { readDocument } from "./dockerfile/document.ts";
import { ComposeLanguage } from "./compose/language.ts";
import { DockerignoreLanguage } from "./dockerignore/language.ts";
import { EngineLink } from "./engine-link.ts";
import { ImageNames } from "./image-names.ts";
import type { Language, OpenDocument } from "./feature.ts";

const engine = new EngineLink();
const names = new ImageNames(engine, { auth: () => Promise.resolve(undefined) });
const opened = (): string => "node_modules\n";
const languages: Record<string, Language> = {
  compose: new ComposeLanguage({ engine, names, opened: () => undefined, documents: () => [], changed: () => {} }),
  ignore: new DockerignoreLanguage(),
  dockerfile: dockerfileLanguage({
    engine,
    names,
    results: new BuildResults(engine, () => {}),
    opened,
    walk: () => Promise.resolve({ files: [], cut: false }),
  }),
};
const samples: Record<string, string[]> = {
  compose: composeSamples(),
  ignore: ["# a\nnode_modules\n!keep/[a-z]*\n**/*.log\n[\n!\n/x/../y\n"],
  dockerfile: readTexts(join(import.meta.dirname, "../../../test/fixtures/dockerfiles")),
};
const rounds = Number(process.env["BERTH_FUZZ"] ?? 60);
const keystrokes = Number(process.env["BERTH_KEYSTROKES"] ?? 40);

/** The first rounds are slower: the code is not compiled yet. */
const WARM_UP = 5;
const options = { tabSize: 2, insertSpaces: true };

function readTexts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}

function open(text: string, name: string): OpenDocument {
  return { uri: `file:///nowhere/${name}`, path: `/nowhere/${name}`, text, version: 1 };
}

/** Every feature once, with the cursor somewhere. */
async function useAll(language: Language, text: string, random: () => number): Promise<void> {
  const lines = text.split("\n");
  const line = Math.floor(random() * lines.length);
  const position = { line, character: Math.floor(random() * (lines[line]!.length + 1)) };
  const document = open(text, "Dockerfile");
  const found = (await language.diagnostics?.(document)) ?? [];
  const whole = { start: { line: 0, character: 0 }, end: { line: lines.length, character: 0 } };
  await language.actions?.(document, whole, found);
  await language.completion?.(document, position);
  await language.hover?.(document, position);
  await language.signature?.(document, position);
  await language.definition?.(document, position);
  await language.references?.(document, position, true);
  await language.highlights?.(document, position);
  if (await language.prepareRename?.(document, position)) await language.rename?.(document, position, "other");
  for (const feature of ["symbols", "folding", "links", "tokens", "lenses", "inlays", "marks"] as const)
    await language[feature]?.(document);
  await language.format?.(document, options);
}

/** What a new line asks for. */
async function typed(language: Language, document: OpenDocument): Promise<void> {
  const range = { start: { line: 500, character: 0 }, end: { line: 500, character: 0 } };
  if (language.formatsWhileTyping) await language.format?.(document, options, range);
}

/** The same numbers in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

const pieces = [
  "\\\n",
  "<<EOF\n",
  '"',
  "'",
  "$",
  "${",
  "}",
  "--mount=",
  "--from=",
  "[",
  "]",
  "\n",
  "FROM ",
  "RUN ",
  "COPY ",
  "=",
  "#",
  "\t",
  "\u{1F40B}",
  "\r\n",
  "`",
  "\0",
  ": ",
  "- ",
  "&a ",
  "*a ",
  "!reset ",
  "|\n",
  "? ",
];

function spoil(text: string, random: () => number): string {
  let result = text;
  for (let count = 0; count < 3; count++) {
    const at = Math.floor(random() * (result.length + 1));
    const piece = pieces[Math.floor(random() * pieces.length)]!;
    const cut = random() < 0.3 ? Math.floor(random() * 20) : 0;
    result = result.slice(0, at) + piece + result.slice(at + cut);
  }
  return random() < 0.3 ? result.slice(0, Math.floor(random() * result.length)) : result;
}

for (const [name, language] of Object.entries(languages)) {
  test(`${name}: no feature throws on a spoiled text (${rounds} rounds)`, async () => {
    for (let round = 0; round < rounds; round++) {
      const random = randomFrom(round + 1);
      const text = spoil(samples[name]![round % samples[name]!.length]!, random);
      await useAll(language, text, random).catch((error: Error) => assert.fail(`${JSON.stringify(text)}\n${error.stack}`));
    }
  });

  test(`${name}: no feature throws on a text that is being typed`, async () => {
    const random = randomFrom(7);
    for (const text of samples[name]!.filter(({ length }) => length < 2000).slice(0, 8))
      for (let end = 0; end <= text.length; end += 9) await useAll(language, text.slice(0, end), random);
  });

  test(`${name}: a keystroke in 1,000 lines is followed at once`, async () => {
    const lines = longTexts[name]!().split("\n");
    const times: Record<string, number[]> = {};
    for (let round = -WARM_UP; round < keystrokes; round++) {
      // Letters are typed at the end of a line in the middle.
      lines[500] += round % 40 === 0 ? " " : "x";
      const document = open(lines.join("\n"), "Dockerfile");
      const at = { line: 500, character: lines[500]!.length };
      for (const [feature, ms] of Object.entries(await keystroke(language, document, at))) if (round >= 0) (times[feature] ??= []).push(ms);
    }
    const rows = Object.entries(times).map(([feature, list]) => ({
      feature,
      p50: quantile(list, 0.5),
      p99: quantile(list, 0.99),
      max: Math.max(...list),
    }));
    if (process.env["BERTH_BENCH"])
      for (const row of rows)
        console.log(name, row.feature.padEnd(12), "p50", row.p50.toFixed(1), "p99", row.p99.toFixed(1), "max", row.max.toFixed(1));
    // Of a busy or an old machine only the usual keystroke tells something.
    const [which, most] = process.env["BERTH_BENCH"] ? (["p99", 50] as const) : (["p50", 150] as const);
    for (const row of rows) assert.ok(row[which] < most, `${row.feature} took ${row[which].toFixed(1)} ms of processor time`);
  });
}

/** Milliseconds of processor time, so that what else the machine does counts for nothing. */
async function processorTime(work: () => unknown): Promise<number> {
  const { threadCpuUsage } = process as unknown as { threadCpuUsage: (before?: NodeJS.CpuUsage) => NodeJS.CpuUsage };
  const before = threadCpuUsage();
  await work();
  const { user, system } = threadCpuUsage(before);
  return (user + system) / 1000;
}

/** What the editor asks after a keystroke, one after another over one version of the text, and all of it together. */
async function keystroke(
  language: Language,
  document: OpenDocument,
  at: { line: number; character: number },
): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (const feature of ["completion", "hover", "highlights"] as const)
    times[feature] = await processorTime(() => language[feature]?.(document, at));
  for (const feature of ["tokens", "symbols", "folding", "inlays", "lenses", "links", "marks", "diagnostics"] as const)
    times[feature] = await processorTime(() => language[feature]?.(document));
  times["format"] = await processorTime(() => typed(language, document));
  times["together"] = Object.values(times).reduce((sum, ms) => sum + ms, 0);
  return times;
}

const quantile = (list: readonly number[], part: number): number => list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) * part)]!;

function thousand(piece: (index: number) => readonly string[], first: readonly string[] = []): string {
  const lines = [...first];
  for (let index = 0; lines.length < 1000; index++) lines.push(...piece(index));
  return lines.slice(0, 1000).join("\n");
}

const longTexts: Record<string, () => string> = {
  dockerfile: () =>
    thousand((index) => [
      `FROM alpine:3.20 AS stage${index}`,
      `ARG VERSION=${index}`,
      "ENV PATH=/app/bin:$PATH A=$VERSION",
      "WORKDIR /app",
      "COPY --chown=root package.json ./",
      "RUN --mount=type=cache,target=/root/.cache set -e \\",
      "  && echo $VERSION ${A:-x} \\",
      "  && true",
      `COPY --from=stage${Math.max(0, index - 1)} /a /b`,
      'CMD ["sh"]',
    ]),
  compose: () =>
    thousand(
      (index) => [
        `  web${index}:`,
        "    image: nginx:${TAG:-latest}",
        "    environment:",
        "      A: b",
        "      C: ${HOME}",
        `    depends_on: [web${Math.max(0, index - 1)}]`,
        "    ports:",
        `      - "${8000 + index}:80"`,
        "    volumes:",
        "      - ./data:/data",
      ],
      ["services:"],
    ),
  ignore: () => thousand((index) => [`dir${index}/**/*.log`, `!dir${index}/keep`, "# note"]),
};

function composeSamples(): string[] {
  return [
    "name: x\nservices:\n  web: &web\n    image: nginx:${TAG:-1}\n    depends_on:\n      db: {condition: service_started}\n    volumes: [data:/d, ./x:/y]\n  db:\n    <<: *web\n    build:\n      context: .\n      target: final\n    environment:\n      - A=1\n      - B\nvolumes:\n  data: {}\nx-big: 12345678901234567890\n",
    "include:\n  - a.yaml\n  - path: [b.yaml, c.yaml]\nservices:\n  a:\n    extends: {file: o.yaml, service: b}\n    network_mode: service:b\n    secrets:\n      - source: s\nsecrets:\n  s:\n    file: ./s.txt\n---\nservices: !reset null\n",
  ];
}

test("format() changes no instruction's meaning", () => {
  for (const text of samples["dockerfile"]!) {
    const formatted = applyEdits(text, (languages["dockerfile"]!.format!(open(text, "Dockerfile"), options) as never) ?? []);
    const meaning = (source: string): string[] =>
      readDocument(source).tree.instructions.map(
        ({ original, heredocs }) => original.trim().replaceAll(/\s+/g, " ").toUpperCase() + heredocs.map(({ content }) => content).join(""),
      );
    assert.deepEqual(meaning(formatted), meaning(text));
  }
});
