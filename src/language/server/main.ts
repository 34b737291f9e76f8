/** The language server's program. Speaks over the channel that its parent opened, and ends with it. */
import { fileURLToPath } from "node:url";
import { ProposedFeatures, createConnection } from "vscode-languageserver/node";
import type { AuthConfig } from "../../../engine/api/types/image.ts";
import { BuildResults } from "./build-results.ts";
import { ComposeLanguage } from "./compose/language.ts";
import { contextTree } from "./context-tree.ts";
import { dockerfileLanguage } from "./dockerfile/language.ts";
import { DockerignoreLanguage } from "./dockerignore/language.ts";
import { EngineLink } from "./engine-link.ts";
import { messages } from "./feature.ts";
import type { Language, OpenDocument } from "./feature.ts";
import { ImageNames } from "./image-names.ts";
import { Server } from "./server.ts";

const engine = new EngineLink();
const results = new BuildResults(engine, () => server.refresh());
const dockerignore = new DockerignoreLanguage();
const opened = (path: string): string | undefined => server.opened(path);
const names = new ImageNames(engine, {
  auth: async (domain) => (await connection.sendRequest<AuthConfig | null>(messages.credentials, domain)) ?? undefined,
});
const dockerfile = dockerfileLanguage({ engine, names, results, opened, walk: (directory) => dockerignore.walk(directory) });
const compose: ComposeLanguage = new ComposeLanguage({
  engine,
  names,
  opened,
  documents: () => server.documents.filter(({ uri }) => server.languageOf(uri) === compose),
  changed: () => server.refresh(),
});

/** Only Dockerfiles are built. */
function predict(document: OpenDocument): void {
  if (server.languageOf(document.uri) === dockerfile) results.predictSoon(document);
}

const connection = createConnection(ProposedFeatures.all);
const server = new Server(connection, {
  languageOf: ({ uri, languageId }): Language | undefined => {
    if (uri.endsWith(".dockerignore")) return dockerignore;
    if (languageId === "dockercompose") return compose;
    return languageId === "dockerfile" ? dockerfile : undefined;
  },
  onEngine: (endpoint) => engine.use(endpoint),
  onFilesChanged: () => {
    dockerignore.forget();
    compose.forget();
    compose.lookSoon();
    for (const document of server.documents) predict(document);
    server.revalidate();
    server.refresh();
  },
  onDocument: (document) => {
    predict(document);
    if (server.languageOf(document.uri) === compose) compose.lookSoon();
  },
  contextTree: (uri) => contextTree(fileURLToPath(uri), { walk: (directory) => dockerignore.walk(directory), opened }),
});

engine.onNews((news) => {
  if (news === "connected") {
    results.follow();
    for (const document of server.documents) predict(document);
  }
  const about = typeof news === "string" ? news : news.Type;
  if (about === "connected" || about === "container" || about === "image") compose.lookSoon();
  if (typeof news === "string") server.revalidate();
});

connection.listen();
