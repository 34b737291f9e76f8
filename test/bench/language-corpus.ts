/**
 * Every Dockerfile and compose file below the given folders: what the editor would mark as an error.
 *
 *     node test/bench/language-corpus.ts node_modules /usr/share/doc
 */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { EngineLink } from "../../src/language/server/engine-link.ts";
import { ImageNames } from "../../src/language/server/image-names.ts";
import { ComposeLanguage } from "../../src/language/server/compose/language.ts";
import { readDocument } from "../../src/language/server/dockerfile/document.ts";
import { diagnostics } from "../../src/language/server/dockerfile/diagnostics.ts";
import { matcherOf } from "../../src/language/server/context-files.ts";

const dockerfile = /^(Dockerfile|Containerfile)(\..*)?$|\.(dockerfile|containerfile)$/i;
const compose = /^(docker-)?compose.*\.ya?ml$/i;
const around = { ignored: matcherOf(""), baseVariables: () => undefined };
const engine = new EngineLink();
const names = new ImageNames(engine, { auth: () => Promise.resolve(undefined) });
const language = new ComposeLanguage({ engine, names, opened: () => undefined, documents: () => [], changed: () => {} });
const counts = { dockerfiles: 0, composeFiles: 0, marked: 0 };

async function look(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await look(path);
    else if (
      entry.isFile() &&
      dockerfile.test(entry.name) &&
      !/\.(md|js|ts|json|yml|html|gz|dockerignore|vim|tmLanguage|in|tmpl)$/.test(entry.name)
    )
      tell(path, ofDockerfile(path));
    else if (entry.isFile() && compose.test(basename(path))) tell(path, await ofCompose(path));
  }
}

function ofDockerfile(path: string): string[] {
  counts.dockerfiles++;
  const found = diagnostics(readDocument(readFileSync(path, "utf8")), around);
  return found.filter(({ severity }) => severity === 1).map(({ message, range }) => `${range.start.line + 1}: ${String(message)}`);
}

async function ofCompose(path: string): Promise<string[]> {
  counts.composeFiles++;
  const found = (await language.diagnostics({ uri: `file://${path}`, path, text: readFileSync(path, "utf8"), version: 1 })) ?? [];
  return found.filter(({ severity }) => severity === 1).map(({ message, range }) => `${range.start.line + 1}: ${String(message)}`);
}

function tell(path: string, problems: readonly string[]): void {
  if (problems.length > 0) counts.marked++;
  for (const problem of problems) console.log(`${path}:${problem}`);
}

for (const folder of process.argv.slice(2)) await look(resolve(folder));
console.log(`${counts.dockerfiles} Dockerfiles, ${counts.composeFiles} compose files, ${counts.marked} with errors`);
