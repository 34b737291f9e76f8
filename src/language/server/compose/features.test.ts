/** Every feature of the Compose language as a table of samples with a marked position. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { applyEdits, marked } from "../../../../test/support/marked.ts";
import { EngineLink } from "../engine-link.ts";
import { ImageNames } from "../image-names.ts";
import type { OpenDocument } from "../feature.ts";
import { readCompose } from "./document.ts";
import { formatText } from "./format.ts";
import { lenses, stateOf } from "./live.ts";
import { ComposeLanguage } from "./language.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-lang-compose-"));
after(() => rmSync(folder, { recursive: true }));
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
put(".env", "TAG=3.20\nPORT=8080\n");
put("Dockerfile", "FROM alpine AS build\nFROM scratch AS final\n");
put("other.yaml", "services:\n  base:\n    image: alpine\n    command: sh\nnetworks:\n  shared: {}\n");
mkdirSync(join(folder, "src"));
writeFileSync(join(folder, "src/app.env"), "A=1\n");

const engine = new EngineLink();
const language = new ComposeLanguage({
  engine,
  names: new ImageNames(engine, { auth: () => Promise.resolve(undefined) }),
  opened: () => undefined,
  documents: () => [],
  changed: () => {},
});
const open = (text: string, name = "test.yaml"): OpenDocument => ({
  uri: `file://${join(folder, name)}`,
  path: join(folder, name),
  text,
  version: 1,
});

const web = "services:\n  web:\n";
/** Sample, labels that must be offered, labels that must not. */
const completions: [string, string[], string[]?][] = [
  ["¦", ["services", "networks", "volumes", "include", "name"], ["image", "version"]],
  ["services:\n  web:\n    ¦", ["image", "build", "depends_on", "ports"], ["services"]],
  [`${web}    im¦`, ["image"]],
  [`${web}    image: x\n    ¦\n    ports: []`, ["build"], ["image", "ports"]],
  [`${web}    build:\n      ¦`, ["context", "dockerfile", "target"], ["image"]],
  [`${web}    build:\n      target: ¦`, ["build", "final"]],
  [`${web}    build:\n      dockerfile: ¦`, ["Dockerfile", "src/"]],
  [`${web}    env_file: src/¦`, ["app.env"]],
  [`${web}    restart: ¦`, ["always", "unless-stopped"]],
  [`${web}    depends_on:\n      - ¦\n  db:\n    image: x`, ["db"], ["web"]],
  [`${web}    depends_on:\n      ¦\n  db:\n    image: x`, ["db"]],
  [`${web}    depends_on:\n      db:\n        condition: ¦\n  db:\n    image: x`, ["service_healthy", "service_started"]],
  [`${web}    networks:\n      - ¦\nnetworks:\n  front: {}\n`, ["front"]],
  [`${web}    volumes:\n      - ¦\nvolumes:\n  data: {}\n`, ["data"]],
  [`${web}    volumes:\n      - ./¦`, ["src/", "Dockerfile"]],
  [`${web}    secrets:\n      - ¦\nsecrets:\n  key:\n    file: x\n`, ["key"]],
  [`${web}    profiles:\n      - debug\n  db:\n    profiles:\n      - ¦`, ["debug"]],
  [`${web}    image: alpine:\${¦`, ["TAG", "PORT"]],
  [`${web}    ports:\n      - target: 80\n        ¦`, ["published", "protocol"], ["target"]],
  [`${web}    deploy:\n      resources:\n        limits:\n          ¦`, ["cpus", "memory"]],
  [`${web}    healthcheck:\n      ¦`, ["test", "interval"]],
  [`${web}    privileged: ¦`, ["true", "false"]],
  [`include:\n  - other.yaml\n${web}    networks:\n      - ¦`, ["shared"]],
  [`${web}    extends:\n      file: ¦`, ["other.yaml"]],
  [`${web}    network_mode: ¦`, ["host", "none"]],
  ["# ¦", [], ["services"]],
];
for (const [sample, wanted, unwanted = []] of completions) {
  test(`complete() in ${JSON.stringify(sample)}`, async () => {
    const { text, position } = marked(sample);
    const labels = ((await language.completion(open(text), position)) ?? []).map(({ label }) => label);
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

const hovers: [string, RegExp | undefined][] = [
  [`${web}    im¦age: x`, /image/i],
  [`${web}    image: alpine:\${¦TAG}`, /`3\.20`/],
  [`${web}    image: alpine:\${N¦OPE:-1}`, /is not set[^]*`:-` `1`/],
  [`${web}    im¦age: alpine:\${TAG}`, /alpine:3\.20/],
  [`${web}    image: x\n    depends_on: [d¦b]\n  db:\n    image: y`, /\*\*db\*\* \(services, 2 places\)/],
];
for (const [sample, want] of hovers) {
  test(`hover() in ${JSON.stringify(sample)}`, async () => {
    const { text, position } = marked(sample);
    const value = ((await language.hover(open(text), position))?.contents as { value: string } | undefined)?.value ?? "";
    assert.match(value, want!);
  });
}

/** Sample, places as `file:line`, those of the definition. */
const names: [string, string[], string[]][] = [
  [`${web}    image: x\n    depends_on: [d¦b]\n  db:\n    image: y`, ["test.yaml:4", "test.yaml:5"], ["test.yaml:5"]],
  [
    `${web}    image: x\n    depends_on:\n      d¦b:\n        condition: service_started\n  db:\n    image: y`,
    ["test.yaml:5", "test.yaml:7"],
    ["test.yaml:7"],
  ],
  [`${web}    image: x\n    volumes:\n      - "da¦ta:/x"\nvolumes:\n  data: {}`, ["test.yaml:5", "test.yaml:7"], ["test.yaml:7"]],
  [`${web}    image: x\n    network_mode: service:¦db\n  db:\n    image: y`, ["test.yaml:4", "test.yaml:5"], ["test.yaml:5"]],
  [`include: [other.yaml]\n${web}    image: x\n    networks: [sha¦red]`, ["other.yaml:6", "test.yaml:5"], ["other.yaml:6"]],
  [`${web}    extends:\n      file: other.yaml\n      service: ba¦se`, ["other.yaml:2", "test.yaml:5"], ["other.yaml:2"]],
  [`x-a: &anchor {}\n${web}    image: x\n    labels: *anc¦hor`, ["test.yaml:1", "test.yaml:5"], ["test.yaml:1"]],
  [`${web}    extends:\n      file: oth¦er.yaml\n      service: base`, [], ["other.yaml:1"]],
];
const placesIn = (locations: readonly { uri: string; range: { start: { line: number } } }[] | undefined): string[] =>
  (locations ?? []).map(({ uri, range }) => `${basename(uri)}:${range.start.line + 1}`).toSorted();
for (const [sample, places, defined] of names) {
  test(`references() and definition() in ${JSON.stringify(sample)}`, async () => {
    const { text, position } = marked(sample);
    assert.deepEqual(placesIn(await language.references(open(text), position, true)), places);
    assert.deepEqual(placesIn(await language.definition(open(text), position)), defined);
  });
}

test("rename() changes every place, in every file", async () => {
  const { text, position } = marked(`include: [other.yaml]\n${web}    image: x\n    networks: [sha¦red]`);
  const edit = await language.rename(open(text), position, "common");
  assert.equal(Object.keys(edit!.changes!).length, 2);
  const own = Object.entries(edit!.changes!).find(([uri]) => uri.endsWith("test.yaml"))![1];
  assert.equal(applyEdits(text, own), `include: [other.yaml]\n${web}    image: x\n    networks: [common]`);
});

/** Text, what is said, the line. */
const problems: [string, RegExp, number][] = [
  [`${web}    image: x\n    imgae: y`, /additional properties 'imgae' not allowed/, 4],
  [`${web}    image: 3`, /must be a string/, 3],
  [`${web}    depends_on: [nope]\n    image: x`, /depends on undefined service/, 1],
  [`${web}    image: x\n    volumes: ["data:/x"]`, /undefined volume data/, 1],
  [`${web}    image: "x`, /./, 3],
  [`${web}    image: alpine:\${NOT_SET_ANYWHERE}`, /NOT_SET_ANYWHERE.*not set/, 3],
];
test("diagnostics() tell everything that is wrong at once, each at its place", async () => {
  const at = async (text: string): Promise<[number, string][]> =>
    (await language.diagnostics(open(text)))!.map(({ message, range }) => [range.start.line + 1, String(message)]);
  assert.deepEqual(
    (await at(`${web}    image: 3\n    imgae: y\n    prots: z\n  db:\n    image: x\n    ports: 5\nvolume: {}\n`)).toSorted(
      ([a], [b]) => a - b,
    ),
    [
      [3, "services.web.image must be a string"],
      [4, "services.web additional properties 'imgae', 'prots' not allowed"],
      [5, "services.web additional properties 'imgae', 'prots' not allowed"],
      [8, "services.db.ports must be a array"],
      [9, " additional properties 'volume' not allowed".trim()],
    ],
  );
  const invalid = "invalid compose project";
  assert.deepEqual(
    await at(
      `${web}    image: x\n    depends_on: [no, nor]\n    networks:\n      - front\n    volumes: ["data:/x", "more:/y"]\n  db: {}\n`,
    ),
    [
      [6, `service "web" refers to undefined network front: ${invalid}`],
      [4, `service "web" depends on undefined service "no": ${invalid}`],
      [4, `service "web" depends on undefined service "nor": ${invalid}`],
      [7, `service "web" refers to undefined volume data: ${invalid}`],
      [7, `service "web" refers to undefined volume more: ${invalid}`],
      [8, `service "db" has neither an image nor a build context specified: ${invalid}`],
    ],
  );
  assert.deepEqual(
    await at(`${web}    image: x\n    ports: ["a:b", "1:2:3:4:5"]\n  db:\n    image: \${A:?no A}\n    user: \${B:?no B}\n`),
    [
      [6, "error while interpolating services.db.image: required variable A is missing a value: no A"],
      [7, "error while interpolating services.db.user: required variable B is missing a value: no B"],
    ],
  );
  assert.deepEqual(
    (await at(`${web}    image: x\n    ports: ["a:b", "80:80:80:x"]\n`)).map(([line]) => line),
    [4, 4],
  );
  put("broken.yaml", "services:\n  base:\n    imgae: y\n");
  const files = "include: [nosuch1.yaml, broken.yaml, other.yaml, nosuch2.yaml]\n";
  const services = `  web:\n    extends: gone\n  db:\n    extends: {file: nosuch3.yaml, service: x}\n  ok:\n    extends: {file: other.yaml, service: base}\n`;
  const more = "  more:\n    extends: {file: other.yaml, service: missing}\n  again:\n    extends: web\n";
  assert.deepEqual(
    (await at(`${files}services:\n${services}${more}`)).map(([line, message]) => [line, message.replaceAll(`${folder}/`, "")]),
    [
      [4, 'cannot extend service "web" in -: service "gone" not found'],
      [6, "open nosuch3.yaml: no such file or directory"],
      [10, 'cannot extend service "more" in -: service "missing" not found in other.yaml'],
      [1, "open nosuch1.yaml: no such file or directory"],
      [1, "broken.yaml:3:5: validating broken.yaml: services.base additional properties 'imgae' not allowed"],
      [1, "open nosuch2.yaml: no such file or directory"],
    ],
  );
});

for (const [text, want, line] of problems) {
  test(`diagnostics() of ${JSON.stringify(text)}`, async () => {
    const found = await language.diagnostics(open(text));
    assert.equal(found!.length, 1, JSON.stringify(found));
    assert.match(String(found![0]!.message), want);
    if (line > 1) assert.equal(found![0]!.range.start.line + 1, line);
  });
}
test("diagnostics() of a good file, of an override and of an empty file are none", async () => {
  assert.deepEqual(await language.diagnostics(open(`${web}    image: alpine:\${TAG}\n    ports: ["\${PORT}:80"]`)), []);
  assert.deepEqual(await language.diagnostics(open("")), []);
  put("compose.yaml", `${web}    image: alpine:1\n    environment:\n      A: one\n      B: two\n`);
  put("compose.override.yaml", "services:\n  web:\n    image: alpine:2\n    environment:\n      A: three\n");
  assert.deepEqual(await language.diagnostics(open("services:\n  web:\n    environment: {A: x}\n", "compose.override.yaml")), []);
});

test("overrides() says by what a value is replaced", async () => {
  const text = `${web}    image: alpine:1\n    environment:\n      A: one\n      B: two\n`;
  const hints = await language.overrides(open(text, "compose.yaml"));
  assert.deepEqual(
    hints.map(({ label, position, tooltip }) => [label, position.line, tooltip]),
    [
      ["→ alpine:2", 2, "compose.override.yaml replaces it"],
      ["→ three", 4, "compose.override.yaml replaces it"],
    ],
  );
});

const formats: [string, string][] = [
  ["services:\n    web:\n        image:   x   # why\n", "services:\n  web:\n    image: x # why\n"],
  ["a: 12345678901234567890\nb: 0o17\nc: 1e3\nd: 007\n", "a: 12345678901234567890\nb: 0o17\nc: 1e3\nd: 007\n"],
  ["x: &a\n   k:   v\ny:\n   <<:   *a\n", "x: &a\n  k: v\ny:\n  <<: *a\n"],
  ["# top\n\na:\n- b\n# mid\n- c\n", "# top\n\na:\n  - b\n  # mid\n  - c\n"],
  ["a:   \"q\"\nb:   'q'\nc: |\n    text\n      more\n", "a: \"q\"\nb: 'q'\nc: |\n  text\n    more\n"],
  ["a: !reset   null\n", "a: !reset null\n"],
];
for (const [text, want] of formats) {
  test(`formatText() of ${JSON.stringify(text)}`, () => {
    assert.equal(formatText(text, 2), want);
    assert.equal(formatText(want, 2), want);
  });
}
test("formatText() leaves a broken text alone", () => assert.equal(formatText('a: "b\nc: d', 2), undefined));

test("symbols(), folding() and links()", () => {
  const document = open(`# a\n# b\n${web}    image: nginx:1\n    env_file: src/app.env\nvolumes:\n  data: {}\n`);
  const found = language.symbols(document) as {
    name: string;
    children?: { name: string; detail?: string; children?: { name: string }[] }[];
  }[];
  assert.deepEqual(
    found.map(({ name }) => name),
    ["services", "volumes"],
  );
  assert.deepEqual([found[0]!.children![0]!.name, found[0]!.children![0]!.detail], ["web", "nginx:1"]);
  const folds = (language.folding(document) as { startLine: number; endLine: number }[]).map(
    ({ startLine, endLine }) => `${startLine}-${endLine}`,
  );
  assert.deepEqual(folds, ["2-5", "3-5", "6-7", "0-1"]);
  const targets = (language.links(document) as { target: string }[]).map(({ target }) => basename(target));
  assert.deepEqual(targets, ["nginx", "app.env"]);
});

test("lenses() are on the services and on each of them", () => {
  const found = lenses(readCompose(`${web}    image: x\n  db:\n    image: y\n`), "u");
  assert.deepEqual(
    found.map(({ command }) => command!.title.replace(/\$\([\w-]+\) /, "")),
    ["Up All", "Restart All", "Logs", "Up", "Restart", "Logs", "Shell", "Up", "Restart", "Logs", "Shell"],
  );
  assert.deepEqual(found.at(-1)!.command!.arguments, ["u", ["db"]]);
});

const container = (State: string, Status = "Up 2 minutes") => ({ State: State as "running", Status, Names: ["/x-1"] });
const states: [string, Parameters<typeof stateOf>, string][] = [
  ["nothing", [[], { wanted: 1, drift: undefined }], "not created"],
  ["all", [[container("running"), container("running"), container("running")], { wanted: 3, drift: undefined }], "running 3/3"],
  ["too few", [[container("running"), container("exited", "Exited (1) now")], { wanted: 2, drift: undefined }], "running 1/2"],
  ["unhealthy", [[container("running", "Up 1 minute (unhealthy)")], { wanted: 1, drift: undefined }], "running 1/1 · unhealthy"],
  ["ended", [[container("exited", "Exited (137) 2 seconds ago")], { wanted: 1, drift: undefined }], "exited (137)"],
  ["drift", [[container("running")], { wanted: 1, drift: "the configuration changed" }], "running 1/1 · needs recreate"],
  ["another image", [[container("running")], { wanted: 1, drift: "the image changed" }], "running 1/1 · image stale"],
];
for (const [name, input, want] of states) test(`stateOf() ${name}`, () => assert.equal(stateOf(...input).label, want));
