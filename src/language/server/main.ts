/** The language server's program. Speaks over the channel that its parent opened, and ends with it. */
import { fileURLToPath } from "node:url";
import { ProposedFeatures, createConnection } from "vscode-languageserver/node";
import { BuildResults } from "./build-results.ts";
import { contextTree } from "./context-tree.ts";
import { dockerfileLanguage } from "./dockerfile/language.ts";
import { DockerignoreLanguage } from "./dockerignore/language.ts";
import { EngineLink } from "./engine-link.ts";
import type { Language, OpenDocument } from "./feature.ts";
import { Server } from "./server.ts";

const engine = new EngineLink();
const results = new BuildResults(engine, () => server.refresh());
const dockerignore = new DockerignoreLanguage();
const opened = (path: string): string | undefined => server.opened(path);
const dockerfile = dockerfileLanguage({ engine, results, opened });

/** Only Dockerfiles are built. */
function predict(document: OpenDocument): void {
  if (server.languageOf(document.uri) === dockerfile) results.predictSoon(document);
}

const connection = createConnection(ProposedFeatures.all);
const server = new Server(connection, {
  languageOf: ({ uri, languageId }): Language | undefined => {
    if (uri.endsWith(".dockerignore")) return dockerignore;
    return languageId === "dockerfile" ? dockerfile : undefined;
  },
  onEngine: (endpoint) => engine.use(endpoint),
  onFilesChanged: () => {
    dockerignore.forget();
    for (const document of server.documents) predict(document);
    server.revalidate();
    server.refresh();
  },
  onDocument: predict,
  contextTree: (uri) => contextTree(fileURLToPath(uri), { walk: (directory) => dockerignore.walk(directory), opened }),
});

engine.onNews((news) => {
  if (news === "connected") {
    results.follow();
    for (const document of server.documents) predict(document);
  }
  if (typeof news === "string") server.revalidate();
});

connection.listen();
