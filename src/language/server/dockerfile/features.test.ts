/** Every feature of the Dockerfile language as a table of samples with a marked position. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, marked } from "../../../../test/support/marked.ts";
import { matcherOf } from "../context-files.ts";
import type { Surroundings } from "../surroundings.ts";
import { complete } from "./completion.ts";
import { diagnostics } from "./diagnostics.ts";
import { readDocument } from "./document.ts";
import { codeActions } from "./fixes.ts";
import { format } from "./format.ts";
import { hover } from "./hover.ts";
import { definition, highlights, prepareRename, references, rename } from "./navigation.ts";
import { folding, links, symbols } from "./outline.ts";
import { signatureHelp } from "./signature.ts";
import { tokens } from "./tokens.ts";

const entries: Record<string, { name: string; directory: boolean }[]> = {
  "": [
    { name: "src", directory: true },
    { name: "node_modules", directory: true },
    { name: "package.json", directory: false },
    { name: "secret.env", directory: false },
  ],
  src: [{ name: "main.ts", directory: false }],
};
const images = ["alpine:3.20", "alpine:latest", "node:22"];
const around: Surroundings = {
  images: () => Promise.resolve(images),
  tags: (repository) => Promise.resolve(images.filter((image) => image.startsWith(`${repository}:`)).map((image) => image.split(":")[1]!)),
  list: (directory) => Promise.resolve(entries[directory] ?? []),
  ignored: matcherOf("node_modules\n*.env"),
  baseVariables: (image) => (image.startsWith("node") ? ["NODE_VERSION"] : undefined),
};

/** Sample, labels that must be offered, labels that must not. */
const completions: [string, string[], string[]?][] = [
  ["¦", ["FROM", "ARG"], ["RUN", "COPY"]],
  ["FR¦", ["FROM"]],
  ["FROM alpine\n¦", ["RUN", "COPY", "CMD", "FROM", "HEALTHCHECK"], ["MAINTAINER"]],
  ["from alpine\nr¦", ["run"], ["RUN"]],
  ["FROM alpine\nONBUILD ¦", ["RUN", "COPY"], ["FROM", "ONBUILD"]],
  ["FROM ¦", ["scratch", "alpine:3.20", "node:22"]],
  ["FROM alp¦", ["alpine:latest"]],
  ["FROM alpine:¦", ["3.20", "latest"], ["22"]],
  ["FROM alpine AS build\nFROM ¦", ["build", "alpine:latest"]],
  ["FROM alpine ¦", ["AS"]],
  ["from alpine ¦", ["as"]],
  ["FROM --¦", ["--platform="], ["--from="]],
  ["FROM --platform=¦", ["$BUILDPLATFORM", "linux/arm64"]],
  ["FROM alpine AS build\nFROM alpine\nCOPY --¦", ["--from=", "--chown=", "--link"], ["--checksum="]],
  ["FROM alpine AS build\nFROM alpine\nCOPY --from=¦", ["build", "node:22"]],
  ["FROM alpine AS build\nFROM alpine\nCOPY --from=b¦ /x /y", ["build"]],
  ["FROM alpine\nCOPY ¦", ["src/", "package.json"], ["node_modules/", "secret.env"]],
  ["FROM alpine\nCOPY src/¦", ["main.ts"]],
  ["FROM alpine\nCOPY package.json ./s¦", ["src/"]],
  ["FROM alpine\nCOPY --chown=¦", ["root", "nobody"]],
  ["FROM alpine\nRUN --mount=¦", ["type=", "target=", "from="]],
  ["FROM alpine\nRUN --mount=type=¦", ["bind", "cache", "secret"]],
  ["FROM alpine\nRUN --mount=type=cache,sharing=¦", ["locked"]],
  ["FROM alpine AS deps\nFROM alpine\nRUN --mount=from=¦", ["deps"]],
  ["FROM alpine\nRUN --network=¦", ["none", "host"]],
  ["ARG VERSION=1\nFROM alpine:$¦", ["VERSION", "TARGETARCH"]],
  ["ARG VERSION=1\nFROM alpine:${V¦", ["VERSION"]],
  ["FROM node:22\nENV A=1\nRUN echo $¦", ["A", "NODE_VERSION", "HTTP_PROXY"], ["VERSION"]],
  ["ARG VERSION=1\nFROM alpine\nARG ¦", ["VERSION", "TARGETPLATFORM"]],
  ["FROM alpine\nRUN adduser -D app\nUSER ¦", ["app", "root"]],
  ["FROM alpine\nRUN useradd --uid 1000 web && true\nUSER ¦", ["web"]],
  ["FROM alpine\nWORKDIR /srv\nWORKDIR ¦", ["/srv", "/app"]],
  ["FROM alpine\nEXPOSE 80¦", ["80/tcp", "80/udp"]],
  ["FROM alpine\nSTOPSIGNAL ¦", ["SIGTERM", "SIGQUIT"]],
  ["FROM alpine\nHEALTHCHECK ¦", ["CMD", "NONE"]],
  ["FROM alpine\nHEALTHCHECK --¦", ["--interval=", "--retries="]],
  ["# ¦", ["syntax=", "escape=", "check="]],
  ["# check=skip=¦", ["UndefinedVar", "StageNameCasing"]],
  ["# syntax=¦", ["docker/dockerfile:1"]],
  ["FROM alpine\n# a comment ¦", [], ["RUN"]],
  ["FROM alpine\nRUN <<EOF\n¦\nEOF", [], ["RUN", "COPY"]],
  ["FROM alpine\nRUN apk add \\\n  ¦", [], ["RUN"]],
  ["FROM alpine\nCOPY \\\n  sr¦", ["src/"], ["RUN"]],
];
for (const [sample, wanted, unwanted = []] of completions) {
  test(`complete() in ${JSON.stringify(sample)}`, async () => {
    const { text, position } = marked(sample);
    const labels = (await complete(readDocument(text), position, around)).map(({ label }) => label);
    assert.deepEqual(
      wanted.filter((label) => !labels.includes(label)),
      [],
      `offered: ${labels.join(" ")}`,
    );
    assert.deepEqual(
      unwanted.filter((label) => labels.includes(label)),
      [],
    );
  });
}

test("complete() replaces what is typed, and only that", async () => {
  const { text, position } = marked("FROM alpine:3¦");
  const item = (await complete(readDocument(text), position, around)).find(({ label }) => label === "3.20")!;
  assert.equal(applyEdits(text, [item.textEdit as never]), "FROM alpine:3.20");
});

const hovers: [string, RegExp | undefined][] = [
  ["FR¦OM alpine", /Begins a stage/],
  ["FROM alpine\nCOPY --ch¦own=x a b", /Owner of the copies/],
  ["FROM alpine\nRUN --mount=type=cache,sha¦ring=locked,target=/x true", /share a cache/],
  ["ARG V=3.20\nFROM alpine:$¦V", /`3\.20`/],
  ["FROM alpine\nENV A=1 B=2\nENV C=$A-$B\nRUN echo $¦C", /`1-2`[^]*ENV of line 3/],
  ["FROM alpine\nARG ¦X=5", /`5`/],
  ["ARG V=1\nFROM alpine\nARG V\nRUN echo ${¦V}", /`1`/],
  ["FROM alpine AS base\nFROM ¦base", /FROM alpine AS base/],
  ["FROM alpine AS base\nFROM alpine\nCOPY --from=ba¦se a b", /Stage 1 of 2/],
  ["FROM --platform=$¦BUILDPLATFORM alpine", /Platform of the machine that builds/],
  ["# esc¦ape=`\nFROM alpine", /escapes/],
  ["FROM alpine\nONBUILD RU¦N true", /Runs a command/],
  ["FROM alpine\n# no¦thing", undefined],
  ["FROM alpine\nRUN ec¦ho hi", undefined],
];
for (const [sample, want] of hovers) {
  test(`hover() in ${JSON.stringify(sample)}`, () => {
    const { text, position } = marked(sample);
    const value = (hover(readDocument(text), position)?.contents as { value: string } | undefined)?.value;
    if (want) assert.match(value ?? "", want);
    else assert.equal(value, undefined);
  });
}

/** Sample, lines (from 1) of all places of the name, line of the definition. */
const names: [string, number[], number | undefined][] = [
  ["FROM alpine AS ¦build\nFROM build\nCOPY --from=build a b\nRUN --mount=from=BUILD,target=/x true", [1, 2, 3, 4], 1],
  ["FROM alpine AS build\nFROM alpine\nCOPY --from=bui¦ld a b", [1, 3], 1],
  ["ARG V=1\nFROM alpine:$V\nARG V\nRUN echo $¦V ${V}", [1, 2, 3, 4, 4], 3],
  ["FROM alpine\nENV A=1\nRUN echo $A\nFROM alpine\nENV A=2\nRUN echo $¦A", [5, 6], 5],
  ["FROM alpine AS x\nENV A=1\nFROM x\nRUN echo $¦A", [2, 4], 2],
  ["FROM alpine\nENV A=1\nRUN echo \\$¦A", [], undefined],
  ["FROM alpine\nFROM alpine\nCOPY --from=¦0 a b", [3], 1],
  ["FROM alpine\nRUN ec¦ho", [], undefined],
];
for (const [sample, lines, defined] of names) {
  const { text, position } = marked(sample);
  const document = readDocument(text);
  test(`references(), highlights() and definition() in ${JSON.stringify(sample)}`, () => {
    const found = references(document, position, { uri: "x", declaration: true });
    assert.deepEqual(
      found.map(({ range }) => range.start.line + 1).toSorted((a, b) => a - b),
      lines,
    );
    assert.equal(highlights(document, position).length, lines.length);
    assert.equal(definition(document, position, "x")[0]?.range.start.line, defined === undefined ? undefined : defined - 1);
  });
}

const renames: [string, string, string][] = [
  ["FROM alpine AS ¦a\nFROM a\nCOPY --from=a x y", "b", "FROM alpine AS b\nFROM b\nCOPY --from=b x y"],
  ["ARG V=1\nFROM alpine:${V}\nARG V=2\nENV X=$¦V", "W", "ARG W=1\nFROM alpine:${W}\nARG W=2\nENV X=$W"],
  ["FROM alpine\nENV A=1\nRUN echo ${¦A:-x} \\\n # $A\n  $A", "B", "FROM alpine\nENV B=1\nRUN echo ${B:-x} \\\n # $A\n  $B"],
];
for (const [sample, name, want] of renames) {
  test(`rename() in ${JSON.stringify(sample)}`, () => {
    const { text, position } = marked(sample);
    const document = readDocument(text);
    assert.ok(prepareRename(document, position));
    const edits = rename(document, position, name);
    assert.ok(Array.isArray(edits));
    assert.equal(applyEdits(text, edits), want);
  });
}
test("rename() refuses what cannot be a name", () => {
  const { text, position } = marked("FROM alpine AS ¦a");
  assert.match((rename(readDocument(text), position, "1 x") as { message: string }).message, /cannot be a stage/);
});

/** Text, the rule, the text after its first fix. */
const fixes: [string, string, string][] = [
  ["FROM alpine AS Build", "StageNameCasing", "FROM alpine AS build"],
  ["FROM alpine as build", "FromAsCasing", "FROM alpine AS build"],
  ["FROM alpine\nRUN echo \\\n\n  hi", "NoEmptyContinuation", "FROM alpine\nRUN echo \\\n  hi"],
  ["FROM alpine\nrun true\nRUN true", "ConsistentInstructionCasing", "FROM alpine\nRUN true\nRUN true"],
  ["FROM alpine AS a\nFROM alpine AS a", "DuplicateStageName", "FROM alpine AS a\nFROM alpine AS a-2"],
  ["FROM alpine AS context", "ReservedStageName", "FROM alpine AS context-2"],
  ["FROM alpine\nCMD npm start", "JSONArgsRecommended", 'FROM alpine\nCMD ["npm", "start"]'],
  ["FROM alpine\nCMD echo $X && true", "JSONArgsRecommended", 'FROM alpine\nCMD ["/bin/sh", "-c", "echo $X && true"]'],
  ["FROM alpine\nMAINTAINER Jo", "MaintainerDeprecated", 'FROM alpine\nLABEL org.opencontainers.image.authors="Jo"'],
  ["FROM alpine:$TAG", "UndefinedArgInFrom", "ARG TAG\nFROM alpine:$TAG"],
  ["FROM --platform=$BULIDPLATFORM alpine", "UndefinedArgInFrom", "FROM --platform=$BUILDPLATFORM alpine"],
  ["FROM alpine\nWORKDIR app", "WorkdirRelativePath", "FROM alpine\nWORKDIR /app"],
  ["FROM scratch\nCOPY $foo .", "UndefinedVar", "FROM scratch\nARG foo\nCOPY $foo ."],
  ["FROM scratch\nENV PATH=$PAHT:/x", "UndefinedVar", "FROM scratch\nENV PATH=$PATH:/x"],
  ['FROM alpine\nCMD ["a"]\nCMD ["b"]', "MultipleInstructionsDisallowed", 'FROM alpine\nCMD ["b"]'],
  ["FROM alpine\nENV A b c", "LegacyKeyValueFormat", 'FROM alpine\nENV A="b c"'],
  ["FROM --platform=$TARGETPLATFORM alpine", "RedundantTargetPlatform", "FROM alpine"],
  ["FROM scratch\nARG API_TOKEN\nRUN x", "SecretsUsedInArgOrEnv", "FROM scratch\nRUN x"],
  ["ARG TAG\nFROM busybox:${TAG}", "InvalidDefaultArgInFrom", "ARG TAG=latest\nFROM busybox:${TAG}"],
  ["FROM --platform=linux/amd64 alpine", "FromPlatformFlagConstDisallowed", "FROM alpine"],
  ["FROM alpine\nEXPOSE 80/TCP", "ExposeProtoCasing", "FROM alpine\nEXPOSE 80/tcp"],
  ["FROM alpine\nEXPOSE 127.0.0.1:80:8080", "ExposeInvalidFormat", "FROM alpine\nEXPOSE 8080"],
  [
    "# check=experimental=InvalidDefinitionDescription\n\n# the base\nFROM scratch AS base",
    "InvalidDefinitionDescription",
    "# check=experimental=InvalidDefinitionDescription\n\n# base the base\nFROM scratch AS base",
  ],
  ["FROM alpine\nRNU true", "syntax", "FROM alpine\nRUN true"],
  ["FROM alpine\nCOPY --chwon=a b c", "syntax", "FROM alpine\nCOPY --chown=a b c"],
  ["FROM alpine\nRUN --mount=type=cahce,target=/x true", "syntax", "FROM alpine\nRUN --mount=type=cache,target=/x true"],
  ["FROM alpine\nRUN <<EOF\ntrue", "syntax", "FROM alpine\nRUN <<EOF\ntrue\nEOF\n"],
  ["RUN true", "syntax", "FROM scratch\nRUN true"],
  ["FROM alpine\nCOPY a", "syntax", "FROM alpine\nCOPY a ."],
];
const everywhere = { start: { line: 0, character: 0 }, end: { line: 1000, character: 0 } };
for (const [text, code, want] of fixes) {
  test(`codeActions() fix ${code} in ${JSON.stringify(text)}`, () => {
    const document = readDocument(text);
    const found = diagnostics(document, around).filter((diagnostic) => diagnostic.code === code);
    assert.equal(found.length, 1);
    const actions = codeActions(document, found, { uri: "x", range: everywhere });
    const fixed = applyEdits(text, actions[0]!.edit!.changes!["x"]!);
    assert.equal(fixed, want);
    assert.equal(actions[0]!.isPreferred, true);
    assert.deepEqual(
      diagnostics(readDocument(fixed), around).filter((diagnostic) => diagnostic.code === code && code !== "syntax"),
      [],
    );
  });
}

const skips: [string, string][] = [
  ["FROM alpine AS Build", "# check=skip=StageNameCasing\nFROM alpine AS Build"],
  [
    "# syntax=docker/dockerfile:1\nFROM alpine AS Build",
    "# syntax=docker/dockerfile:1\n# check=skip=StageNameCasing\nFROM alpine AS Build",
  ],
  ["# check=skip=UndefinedVar\nFROM alpine AS Build", "# check=skip=UndefinedVar,StageNameCasing\nFROM alpine AS Build"],
  ["# check=error=true\nFROM alpine AS Build", "# check=skip=StageNameCasing;error=true\nFROM alpine AS Build"],
  [
    "# check=skip=UndefinedVar;error=true\nFROM alpine AS Build",
    "# check=skip=UndefinedVar,StageNameCasing;error=true\nFROM alpine AS Build",
  ],
];
for (const [text, want] of skips) {
  test(`"skip this check" in ${JSON.stringify(text)}`, () => {
    const document = readDocument(text);
    const found = diagnostics(document, around).filter(({ code }) => code === "StageNameCasing");
    const action = codeActions(document, found, { uri: "x", range: everywhere }).at(-1)!;
    const skipped = applyEdits(text, action.edit!.changes!["x"]!);
    assert.equal(skipped, want);
    assert.deepEqual(diagnostics(readDocument(skipped), around), []);
  });
}

test("diagnostics() are what the builder says, and nothing for an empty file", () => {
  assert.deepEqual(diagnostics(readDocument(""), around), []);
  assert.deepEqual(
    diagnostics(readDocument("FROM alpine\nCOPY secret.env /"), around).map(({ code }) => code),
    ["CopyIgnoredFile"],
  );
  const [error] = diagnostics(readDocument("FROM alpine\nXXXXXXX"), around);
  assert.deepEqual([error!.message, error!.severity, error!.source], ["unknown instruction: XXXXXXX", 1, "Berth"]);
});

const formats: [string, string][] = [
  ["from   alpine   as build  \n\trun true", "from alpine   as build\nrun true"],
  ["FROM alpine\nRun apk add \\\na \\\n      b\n", "FROM alpine\nRUN apk add \\\n  a \\\n      b\n"],
  ["FROM alpine\nRUN <<EOF\n  kept   \nEOF\n", "FROM alpine\nRUN <<EOF\n  kept   \nEOF\n"],
  ['FROM alpine\nRUN echo "a  \\\nb   \\\nc"\n', 'FROM alpine\nRUN echo "a  \\\nb   \\\nc"\n'],
  ["FROM alpine\n  \n# comment   \n", "FROM alpine\n\n# comment\n"],
  ["FROM alpine\nRUN a \\\n# why\n&& b", "FROM alpine\nRUN a \\\n  # why\n  && b"],
];
const two = { tabSize: 2, insertSpaces: true };
for (const [text, want] of formats) {
  test(`format() of ${JSON.stringify(text)}`, () => {
    const once = applyEdits(text, format(readDocument(text), two));
    assert.equal(once, want);
    assert.deepEqual(format(readDocument(once), two), [], "a formatted text stays as it is");
  });
}
test("format() of a range leaves the rest alone", () => {
  const text = "from  a\nFROM   b\nFROM   c";
  const range = { start: { line: 1, character: 0 }, end: { line: 1, character: 1 } };
  assert.equal(applyEdits(text, format(readDocument(text), two, range)), "from  a\nFROM b\nFROM   c");
});

test("symbols() are stages with their instructions", () => {
  const [arg, build, last] = symbols(readDocument("ARG A=1\nFROM alpine AS build\nRUN make\nFROM scratch\nCOPY --from=build a b"));
  assert.deepEqual([arg!.name, build!.name, last!.name, last!.detail], ["ARG", "build", "scratch", "stage 1"]);
  assert.deepEqual(
    build!.children!.map(({ name, detail }) => `${name} ${detail}`),
    ["RUN make"],
  );
});

test("folding() has stages, long instructions, comments and regions", () => {
  const text = "FROM alpine\n# a\n# b\nRUN a \\\n  b\nRUN <<X\n1\nX\n# region r\nENV A=1\n# endregion";
  const found = folding(readDocument(text)).map(({ startLine, endLine, kind }) => `${startLine}-${endLine} ${kind ?? ""}`.trim());
  for (const want of ["0-9", "1-2 comment", "3-4", "5-7", "8-10 region"]) assert.ok(found.includes(want), `${want} in ${found.join()}`);
});

test("links() lead to images' pages and to URLs", () => {
  const text = "FROM alpine AS a\nFROM ghcr.io/me/app:1\nFROM a\nFROM $X\nFROM scratch\nADD https://x.org/a.tar /";
  assert.deepEqual(
    links(readDocument(text)).map(({ target }) => target),
    ["https://hub.docker.com/_/alpine", "https://github.com/me/app", "https://x.org/a.tar"],
  );
});

const signatures: [string, number | undefined, string?][] = [
  ["FROM ¦", 1, "FROM [--platform=<platform>] <image>[:<tag>|@<digest>] [AS <name>]"],
  ["FROM --pl¦", 0],
  ["FROM alpine\nCOPY a¦", 1, "COPY [flags] <source>... <destination>"],
  ['FROM alpine\nCMD ["¦', 0, 'CMD ["executable", "argument", ...]'],
  ["FROM alpine\nCMD npm ¦", 1, "CMD command argument ..."],
  ["¦", undefined],
];
for (const [sample, parameter, label] of signatures) {
  test(`signatureHelp() in ${JSON.stringify(sample)}`, () => {
    const { text, position } = marked(sample);
    const help = signatureHelp(readDocument(text), position);
    assert.equal(help?.activeParameter, parameter);
    if (label !== undefined) assert.equal(help!.signatures[help!.activeSignature!]!.label, label);
  });
}

test("tokens() name what stands where, in order", () => {
  const text = '# syntax=docker/dockerfile:1\nFROM alpine AS build\nARG V=1\nCOPY --from=build $V /x\nCMD ["a"]';
  const document = readDocument(text);
  const found = tokens(document).map(
    ({ range, type }) => `${type} ${document.lines[range.start.line]!.slice(range.start.character, range.end.character)}`,
  );
  for (const want of ["macro # syntax=docker/dockerfile:1", "keyword COPY", "parameter --from", "class build", "variable V", 'string "a"'])
    assert.ok(found.includes(want), `${want} in ${found.join(" | ")}`);
});
