/** The trees that one build reads, each opened once: its context, named contexts, and root file systems of stages. */
import { EngineError } from "../errors.ts";
import type { Digest, Snapshots } from "../layers/snapshots.ts";
import { IgnoreMatcher, parseDockerignore } from "../syntax/dockerignore.ts";
import { keyOf } from "./cache.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { emptyTree } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";
import { IgnoreTree } from "./ignore-tree.ts";
import { DirectoryMemory } from "./context-memory.ts";
import type { ContextMemory } from "./context-memory.ts";
import type { Later } from "./later.ts";
import { StatCache } from "./stat-cache.ts";
import { isReceived, TarTree } from "./tar-tree.ts";

export interface TreesOptions {
  readonly snapshots: Snapshots;
  readonly stateDirectory: string;
  readonly contextDir: string;
  readonly contexts: ReadonlyMap<string, string>;
  /** Path of the Dockerfile in the context: `NAME.dockerignore` beside it counts before `.dockerignore`. */
  readonly dockerfile: string | undefined;
  /** Text of the .dockerignore of the context when the request has it. */
  readonly dockerignore: string | undefined;
  /** Begins the keys of snapshots of this build. */
  readonly keyPrefix: string;
  /** What nobody waits for is left to it. */
  readonly later: Later;
  /** What earlier builds know of the contexts. */
  readonly memory: ContextMemory;
  /** Of the build's announcement. */
  readonly announced?: string | undefined;
}

interface Opened {
  readonly directory: string;
  readonly tree: FileTree;
  /** Undefined for a tar. */
  readonly memory: DirectoryMemory | undefined;
}

export class Trees {
  readonly #options: TreesOptions;
  readonly #opened = new Map<string, Promise<Opened>>();
  readonly #roots = new Map<Digest, Promise<{ tree: FileTree; path: string }>>();
  readonly #views: string[] = [];

  constructor(options: TreesOptions) {
    this.#options = options;
  }

  /** The build context without what .dockerignore excludes. */
  context(): Promise<FileTree> {
    return this.#open("", this.#options.contextDir);
  }

  /** What .dockerignore excludes from the build context. */
  async ignored(): Promise<IgnoreMatcher> {
    return this.#ignored("", (await this.#unfiltered()).tree);
  }

  /** Tells one .dockerignore from another; undefined without one. */
  async ignoreDigest(): Promise<string | undefined> {
    const { text } = await this.#ignoreText("", (await this.#unfiltered()).tree);
    return text === undefined ? undefined : keyOf(text);
  }

  /** A `--build-context` directory. */
  named(name: string): Promise<FileTree> {
    const directory = this.#options.contexts.get(name);
    if (directory === undefined) throw new EngineError("invalid", `build context ${JSON.stringify(name)} is not a directory`);
    return this.#open(name, directory);
  }

  /** What is remembered of a context, or a named one; undefined when it is a tar. */
  async remembered(name = ""): Promise<DirectoryMemory | undefined> {
    return (await this.#opened.get(name))?.memory;
  }

  /** A file of the context as it is, excluded or not; undefined when there is none. */
  async contextFile(path: string): Promise<Buffer | undefined> {
    const { tree } = await this.#unfiltered();
    const entry = tree.entry(path);
    if (entry?.type !== "file") return undefined;
    const pieces: Buffer[] = [];
    for await (const piece of tree.content(entry)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** A root file system, read-only; null is an empty one. */
  async root(chainId: Digest | null): Promise<FileTree> {
    return chainId === null ? emptyTree : (await this.#view(chainId)).tree;
  }

  /** Where a root file system is mounted. */
  async rootPath(chainId: Digest): Promise<string> {
    return (await this.#view(chainId)).path;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    for (const result of opened) {
      if (result.status !== "fulfilled") continue;
      const { directory, tree, memory } = result.value;
      tree.close();
      if (!memory) continue;
      this.#options.memory.give(directory, memory);
      memory.statCache?.saveLater(this.#options.later);
    }
    await Promise.allSettled(this.#roots.values());
    for (const key of this.#views) await this.#options.snapshots.remove(key);
  }

  #view(chainId: Digest): Promise<{ tree: FileTree; path: string }> {
    let root = this.#roots.get(chainId);
    if (!root) this.#roots.set(chainId, (root = this.#openView(chainId)));
    return root;
  }

  async #openView(chainId: Digest): Promise<{ tree: FileTree; path: string }> {
    const key = `${this.#options.keyPrefix}view-${this.#views.length}`;
    this.#views.push(key);
    const path = await this.#options.snapshots.view(key, chainId);
    return { path, tree: new DirectoryTree(path, { owner: "kept" }) };
  }

  async #open(name: string, directory: string): Promise<FileTree> {
    const { tree } = await this.#opening(name, directory);
    const matcher = await this.#ignored(name, tree);
    return matcher.empty ? tree : new IgnoreTree(tree, matcher);
  }

  #unfiltered(): Promise<Opened> {
    return this.#opening("", this.#options.contextDir);
  }

  #opening(name: string, directory: string): Promise<Opened> {
    let opened = this.#opened.get(name);
    if (!opened) this.#opened.set(name, (opened = openTree(directory, this.#options)));
    return opened;
  }

  async #ignored(name: string, tree: FileTree): Promise<IgnoreMatcher> {
    const { text, path } = await this.#ignoreText(name, tree);
    return text === undefined ? new IgnoreMatcher([]) : matcherOf(text, path);
  }

  async #ignoreText(name: string, tree: FileTree): Promise<{ text: string | undefined; path: string }> {
    const { dockerignore } = this.#options;
    if (name === "" && dockerignore !== undefined) return { text: dockerignore, path: ".dockerignore" };
    const own = name === "" && this.#options.dockerfile ? [`${this.#options.dockerfile}.dockerignore`] : [];
    for (const path of [...own, ".dockerignore"]) {
      const entry = tree.entry(path);
      if (entry?.type !== "file") continue;
      let text = "";
      for await (const piece of tree.content(entry)) text += piece.toString();
      return { text, path };
    }
    return { text: undefined, path: "" };
  }
}

function matcherOf(text: string, path: string): IgnoreMatcher {
  const { patterns, problems } = parseDockerignore(text);
  if (problems[0]) throw new EngineError("invalid", `error reading ${path} on line ${problems[0].line + 1}: ${problems[0].message}`);
  return new IgnoreMatcher(patterns);
}

async function openTree(directory: string, { stateDirectory, memory: all, announced }: TreesOptions): Promise<Opened> {
  if (isReceived(directory)) return { directory, tree: await TarTree.open(directory), memory: undefined };
  const memory = all.take(directory) ?? new DirectoryMemory(await StatCache.open(stateDirectory, directory));
  return { directory, tree: new DirectoryTree(directory, { owner: "root", memory, turn: memory.begin(announced) }), memory };
}

/** The Dockerfile of a request and its name. @throws {EngineError} invalid when there is none, or it is empty */
export async function readDockerfile(
  trees: Trees,
  dockerfile: { path: string } | { text: string; name: string },
): Promise<{ text: string; name: string }> {
  if ("text" in dockerfile) return checkedText(dockerfile.text, dockerfile.name);
  const content = (await trees.contextFile(dockerfile.path)) ?? (await lowerCase(trees, dockerfile.path));
  if (!content) throw new EngineError("invalid", `Cannot locate specified Dockerfile: ${dockerfile.path}`);
  return checkedText(content.toString(), dockerfile.path);
}

async function lowerCase(trees: Trees, path: string): Promise<Buffer | undefined> {
  return path === "Dockerfile" ? trees.contextFile("dockerfile") : undefined;
}

function checkedText(text: string, name: string): { text: string; name: string } {
  if (text === "") throw new EngineError("invalid", `the Dockerfile (${name}) cannot be empty`);
  return { text, name };
}
