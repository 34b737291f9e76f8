/** Extensions that answer for the same files as Berth, as small as they can be: what Berth does beside the real ones depends on their names. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neighbors } from "../../src/language/neighbors.ts";

/** Each completes the first keyword, hovers, and marks the first line of what the real one marks. */
const program = `
const vscode = require("vscode");
exports.activate = ({ extension: { id } }) => {
  const languages = id === "redhat.vscode-yaml" ? ["dockercompose"] : ["dockerfile", "dockercompose"];
  const word = { dockerfile: "FROM", dockercompose: "services" };
  const marks = vscode.languages.createDiagnosticCollection(id);
  const mark = (document) => {
    const own = { "docker.docker": ["dockerfile", "dockercompose"], "redhat.vscode-yaml": ["dockercompose"] }[id] ?? [];
    if (!own.includes(document.languageId)) return;
    const diagnostic = new vscode.Diagnostic(new vscode.Range(0, 0, 0, 1), "something");
    diagnostic.source = id;
    marks.set(document.uri, [diagnostic]);
  };
  vscode.workspace.textDocuments.forEach(mark);
  vscode.workspace.onDidOpenTextDocument(mark);
  for (const language of languages) {
    if (id === "docker.docker" && language === "dockerfile") continue;
    vscode.languages.registerCompletionItemProvider({ language }, { provideCompletionItems: () => [new vscode.CompletionItem(word[language], vscode.CompletionItemKind.Keyword)] });
  }
  vscode.languages.registerHoverProvider(languages.map((language) => ({ language })), { provideHover: () => new vscode.Hover(id) });
};
`;

/** Writes them into a folder of extensions that nobody has read yet. */
export function writeNeighbors(folder: string): void {
  for (const id of Object.values(neighbors)) {
    const [publisher = "", name = ""] = id.split(".");
    const directory = join(folder, `${id}-9.9.9`);
    mkdirSync(directory, { recursive: true });
    const manifest = {
      publisher,
      name,
      version: "9.9.9",
      engines: { vscode: "^1.80.0" },
      main: "./main.js",
      activationEvents: ["onLanguage:dockerfile", "onLanguage:dockercompose"],
    };
    writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(directory, "main.js"), program);
  }
}
