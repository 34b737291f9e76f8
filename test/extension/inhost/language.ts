/** Dockerfiles and compose files in the extension host: what the editor is told, alone and beside extensions that tell it too. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as vscode from "vscode";

const folder = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri;
const neighbors = process.env["BERTH_TEST_NEIGHBORS"] !== undefined;

/** A file of the folder, open in an editor. */
async function open(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = vscode.Uri.joinPath(folder(), name);
  writeFileSync(uri.fsPath, text);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

/** How often each label is offered at a place; asked again until everybody who is to answer has begun to. */
async function offered(
  { uri }: vscode.TextDocument,
  [line, character]: readonly [number, number],
  wanted: (counts: ReadonlyMap<string, number>) => boolean,
): Promise<Map<string, number>> {
  for (;;) {
    const position = new vscode.Position(line, character);
    const { items } = await vscode.commands.executeCommand<vscode.CompletionList>("vscode.executeCompletionItemProvider", uri, position);
    const labels = items
      .filter(({ kind }) => kind !== vscode.CompletionItemKind.Text)
      .map(({ label }) => (typeof label === "string" ? label : label.label));
    const counts = new Map<string, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    if (wanted(counts)) return counts;
  }
}

/** Waits until the problems of a file are such. */
async function problems(
  { uri }: vscode.TextDocument,
  wanted: (list: readonly vscode.Diagnostic[]) => boolean,
): Promise<vscode.Diagnostic[]> {
  for (;;) {
    const list = vscode.languages.getDiagnostics(uri);
    if (wanted(list)) return list;
    await new Promise<void>((resolve) => {
      const listener = vscode.languages.onDidChangeDiagnostics(() => resolve(listener.dispose()));
    });
  }
}

const lensesOf = async ({ uri }: vscode.TextDocument, title: string): Promise<number> => {
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", uri, 100);
  return lenses.filter(({ command }) => command?.title.includes(title)).length;
};

suite(neighbors ? "Language features beside Container Tools, Docker DX and YAML" : "Language features", () => {
  test("one answer to each question in a Dockerfile", async () => {
    const document = await open("one.Dockerfile", "FROM scratch\nMAINTAINER me\nCOPY . /\n\n");
    await lensesReady(document);
    // Extensions begin one after the other, and Berth hears a moment later that it is to step back.
    await problems(document, (all) => all.map(({ source }) => source).join() === (neighbors ? "docker.docker" : "Berth"));
    await offered(document, [3, 0], (counts) => counts.get("FROM") === 1);
    const wanted = neighbors ? 2 : 1;
    for (let hovers = 0; hovers !== wanted;) {
      const position = new vscode.Position(0, 1);
      hovers = (await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", document.uri, position)).length;
    }
  });

  test("one answer to each question in a compose file", async () => {
    const document = await open("compose.yaml", "services:\n  web:\n    image: x\n    imgae: y\n  db:\n    iamge: z\n\n");
    await lensesReady(document);
    const sources = neighbors ? ["docker.docker", "redhat.vscode-yaml"] : ["Berth", "Berth"];
    await problems(document, (all) => all.length === 2 && sources.every((name) => all.some(({ source }) => source === name)));
    const [services, networks] = neighbors ? [3, undefined] : [undefined, 1];
    await offered(document, [6, 0], (counts) => counts.get("services") === services && counts.get("networks") === networks);
  });

  test("what nobody else tells stays: lenses on steps and services", async () => {
    const dockerfile = await open("two.Dockerfile", "FROM scratch\nCOPY . /\n");
    await lensesReady(dockerfile);
    await lensesReady(dockerfile, "Build to Here");
    const compose = await open("compose.yaml", "services:\n  web:\n    image: x\n");
    await lensesReady(compose);
    await lensesReady(compose, "Up All");
  });

  if (neighbors) return;

  test("what weighs most in a context is ignored by a quick fix", async () => {
    const heavy = vscode.Uri.joinPath(folder(), "heavy.bin");
    writeFileSync(heavy.fsPath, "x".repeat(300_000));
    const document = await open("three.Dockerfile", "FROM scratch\nCOPY . /\n");
    await lensesReady(document);
    const offers = async (): Promise<vscode.CodeAction[]> => {
      const range = new vscode.Range(1, 2, 1, 2);
      const all = await vscode.commands.executeCommand<vscode.CodeAction[]>("vscode.executeCodeActionProvider", document.uri, range);
      return all.filter(({ title }) => title.includes("heavy.bin"));
    };
    let ignore: vscode.CodeAction | undefined;
    while (!ignore) ignore = (await offers()).find(({ title }) => title.startsWith("Ignore heavy.bin (300 kB)"));
    assert.ok(await vscode.workspace.applyEdit(ignore.edit!));
    const text = (await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder(), ".dockerignore"))).getText();
    assert.match(text, /^heavy\.bin$/m);
    while ((await offers()).length > 0);
  });

  test("images and tags of a registry are offered, through the running engine", async () => {
    const answers: Record<string, unknown> = {
      "/v2/": {},
      "/v2/_catalog": { repositories: ["team/app", "team/base"] },
      "/v2/team/app/tags/list": { name: "team/app", tags: ["1.9", "1.10"] },
    };
    const registry = createServer(({ url = "" }, response) => {
      response.statusCode = url in answers ? 200 : 404;
      response.end(JSON.stringify(answers[url] ?? {}));
    });
    await new Promise<void>((done) => registry.listen(0, "127.0.0.1", done));
    try {
      const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
      const document = await open("registry.Dockerfile", `FROM ${host}/te\nFROM ${host}/team/app:\n`);
      await lensesReady(document);
      await offered(document, [0, document.lineAt(0).text.length], (counts) => counts.get(`${host}/team/base`) === 1);
      const ends = [1, document.lineAt(1).text.length] as const;
      await offered(document, ends, (counts) => [...counts.keys()].slice(0, 2).join() === "1.10,1.9");
    } finally {
      registry.close();
    }
  });

  test("everything that is wrong with a compose file is told at once", async () => {
    const document = await open("compose.yaml", "services:\n  web:\n    image: 1\n    ports: x\n    foo: y\n");
    const list = await problems(document, (all) => all.length === 3);
    assert.deepEqual(
      list.map(({ range }) => range.start.line).toSorted((a, b) => a - b),
      [2, 3, 4],
    );
  });
});

/** Berth's lenses are there: its server answers. */
async function lensesReady(document: vscode.TextDocument, title = document.languageId === "dockerfile" ? "Build" : "Up"): Promise<void> {
  while ((await lensesOf(document, title)) === 0) await vscode.window.showTextDocument(document);
}
