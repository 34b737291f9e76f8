import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { StreamMessageReader, StreamMessageWriter, createConnection, createProtocolConnection } from "vscode-languageserver/node";
import type { CodeAction, Diagnostic, PublishDiagnosticsParams } from "vscode-languageserver/node";
import { BuildResults } from "./build-results.ts";
import { dockerfileLanguage } from "./dockerfile/language.ts";
import { EngineLink } from "./engine-link.ts";
import { messages } from "./feature.ts";
import type { Language } from "./feature.ts";
import { ImageNames } from "./image-names.ts";
import { Server } from "./server.ts";

const engine = new EngineLink();
const language = dockerfileLanguage({
  engine,
  names: new ImageNames(engine, { auth: () => Promise.resolve(undefined) }),
  results: new BuildResults(engine, () => {}),
  opened: () => undefined,
  walk: () => Promise.resolve({ files: [], cut: false }),
});
const [there, back] = [new PassThrough(), new PassThrough()];
const connection = createConnection(new StreamMessageReader(there), new StreamMessageWriter(back));
const slow: Language = {
  diagnostics: () => {
    const { promise, resolve } = Promise.withResolvers<Diagnostic[]>();
    looks.push(resolve);
    onLooked();
    return promise;
  },
};
const looks: ((found: Diagnostic[]) => void)[] = [];
let onLooked = (): void => {};
const server = new Server(connection, {
  languageOf: ({ languageId }) => (languageId === "slow" ? slow : language),
  onEngine: () => {},
  onFilesChanged: () => {},
  onDocument: () => {},
  contextTree: () => Promise.resolve(null),
});
connection.listen();
const editor = createProtocolConnection(new StreamMessageReader(back), new StreamMessageWriter(there));
const diagnosed: PublishDiagnosticsParams[] = [];
let onDiagnosed = (): void => {};
editor.onNotification("textDocument/publishDiagnostics", (told: PublishDiagnosticsParams) => {
  diagnosed.push(told);
  onDiagnosed();
});
editor.listen();
await editor.sendRequest("initialize", { processId: null, rootUri: null, capabilities: {} });

const uri = "file:///nowhere/Dockerfile";
const at = (line: number, start: number, end: number): object => ({ start: { line, character: start }, end: { line, character: end } });

after(() => {
  editor.dispose();
  connection.dispose();
});

async function told(): Promise<PublishDiagnosticsParams> {
  await new Promise<void>((resolve) => {
    onDiagnosed = resolve;
    if (diagnosed.length > 0) resolve();
  });
  return diagnosed.shift()!;
}

test("a fix is one of the text as it is, whatever the editor shows still", async () => {
  await editor.sendNotification("textDocument/didOpen", {
    textDocument: { uri, languageId: "dockerfile", version: 1, text: "FROM scratch\nCD" },
  });
  const [shown] = (await told()).diagnostics;
  await editor.sendNotification("textDocument/didChange", {
    textDocument: { uri, version: 2 },
    contentChanges: [{ range: at(1, 2, 2), text: "M sh" }],
  });
  const [action] = await editor.sendRequest<CodeAction[]>("textDocument/codeAction", {
    textDocument: { uri },
    range: at(1, 0, 2),
    context: { diagnostics: [shown] },
  });
  assert.deepEqual(action?.edit?.changes?.[uri], [{ range: at(1, 0, 3), newText: "CMD" }]);
  assert.equal((await told()).diagnostics[0]!.message, "unknown instruction: CDM (did you mean CMD?)");
});

test("what somebody else tells is taken back once, and the rest does not flicker", async () => {
  const others = { dockerfile: ["syntax"] };
  await editor.sendNotification(messages.stepBack, others);
  assert.deepEqual((await told()).diagnostics, []);
  assert.deepEqual((await told()).diagnostics, []);
  await editor.sendNotification(messages.stepBack, others);
  await editor.sendNotification(messages.stepBack, {});
  // Those for the second notification would come before.
  assert.deepEqual((await told()).diagnostics, []);
  assert.equal((await told()).diagnostics.length, 1);
  assert.equal(server.documents.length, 1);
});

test("of two looks at one text the later one counts, whichever ends first", async () => {
  const looked = async (): Promise<(found: Diagnostic[]) => void> => {
    await new Promise<void>((resolve) => {
      onLooked = resolve;
      if (looks.length > 0) resolve();
    });
    return looks.shift()!;
  };
  const problem = (message: string): Diagnostic[] => [
    { message, range: { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } } },
  ];
  await editor.sendNotification("textDocument/didClose", { textDocument: { uri } });
  assert.deepEqual((await told()).diagnostics, []);
  const textDocument = { uri: "file:///nowhere/slow", languageId: "slow", version: 1, text: "x" };
  await editor.sendNotification("textDocument/didOpen", { textDocument });
  const first = await looked();
  server.revalidate();
  (await looked())(problem("new"));
  first(problem("old"));
  assert.equal((await told()).diagnostics[0]!.message, "new");
  server.revalidate();
  (await looked())(problem("newest"));
  assert.equal((await told()).diagnostics[0]!.message, "newest");
});
