/** COPY, ADD and WORKDIR: what they read, the key that follows from it, and the layer that they make. */
import { randomBytes } from "node:crypto";
import { join as joinPath } from "node:path";
import { rmSync } from "node:fs";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";
import { EngineError } from "../errors.ts";
import { toBytes } from "../layers/names.ts";
import type { Digest } from "../layers/snapshots.ts";
import { unpackArchive } from "./archive.ts";
import { keyOf } from "./cache.ts";
import type { StepLayer } from "./cache.ts";
import { CopiedFiles } from "./copied-files.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { download } from "./download.ts";
import { epochOf } from "./epoch.ts";
import { cleanPath, emptyTree } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";
import { LayerPlan } from "./layer-plan.ts";
import { MemoryTree } from "./memory-tree.ts";
import type { CopyOperation, CopySource, WorkdirOperation } from "./operation.ts";
import { nameOf } from "./request-name.ts";
import { readOwner } from "./owner.ts";
import { withoutCredentials } from "../syntax/git-source.ts";
import { cloneRepository } from "./repository.ts";
import type { Manifest, Prepared, StepScope } from "./rooms.ts";
import { changedManifest, entriesOf, manifestDigest, manifestOf, rootsOf, select } from "./selection.ts";
import type { Selected } from "./selection.ts";

export async function prepareCopy(operation: CopyOperation, instruction: string, scope: StepScope): Promise<Prepared> {
  const source = new CopyInput(operation, scope);
  const files = await source.digest();
  const { destination, chown, chmod, link, parents, add, unpack } = operation;
  const epoch = epochOf(scope.request);
  const what = { files, destination, chown, chmod, link, parents, add, unpack, epoch };
  const key = keyOf({ v: 1, op: "copy", parent: scope.parent, ...what });
  // A user's number is looked up in what is below.
  const stands = link && !/[a-z_]/i.test(chown ?? "");
  const values = {
    "flag the destination": destination,
    "flag --chown": chown ?? "",
    "flag --chmod": chmod ?? "",
    "flag --link": String(link),
    "flag --parents": String(parents),
    "flag --exclude": operation.exclude.join(" "),
  };
  const ignore = operation.from ? undefined : await scope.trees.ignoreDigest();
  return {
    key,
    ...(stands && { linkKey: keyOf({ v: 1, op: "copy --link", ...what }) }),
    inputs: { instruction, parent: scope.parent, values, files, ...(source.roots && { roots: source.roots }), ...(ignore && { ignore }) },
    ...(source.manifest ? { manifest: source.manifest } : {}),
    run: () => runCopy(operation, source, scope),
  };
}

async function runCopy(operation: CopyOperation, source: CopyInput, scope: StepScope): Promise<StepLayer> {
  const root = await scope.trees.root(scope.parent);
  const owner = operation.chown === undefined ? undefined : await readOwner(operation.chown, root);
  const plan = new LayerPlan(operation.link ? emptyTree : root, { owner, chmod: operation.chmod, epoch: epochOf(scope.request) });
  const selection = await source.unpacked();
  place(plan, selection, operation);
  try {
    const { rooms, request, stage, stepId, signal } = scope;
    const copied = new CopiedFiles(rooms, { of: nameOf(request), stage: stage.label, stepId });
    return await rooms.layers.addAgain(plan, scope.parent, { copied, signal });
  } finally {
    source.close();
  }
}

/** Files that would land on one name are refused, as is a name that must be a directory and is none. */
function place(plan: LayerPlan, selection: readonly Selected[], operation: CopyOperation): void {
  const isGivenAsDirectory = operation.destination.endsWith("/") || operation.parents;
  const target = plan.resolve(cleanPath(toBytes(operation.destination)));
  const intoDirectory = isGivenAsDirectory || plan.entry(target)?.type === "directory";
  const files = selection.filter((selected) => !selected.directory && selected.entries.length > 0);
  if (files.length > 1 && !intoDirectory) {
    const keyword = operation.add ? "ADD" : "COPY";
    throw new EngineError(
      "invalid",
      `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
    );
  }
  for (const selected of selection) plan.place(selected, target, { intoDirectory: isGivenAsDirectory });
}

/** The files that a copy reads. A stage's are looked at only when their digest is not known from an earlier build. */
class CopyInput {
  /** Undefined when the files need not be looked at. */
  manifest: Manifest | undefined;
  /** Where in its tree each source begins, when the files were looked at. */
  roots: readonly string[] | undefined;
  readonly #operation: CopyOperation;
  readonly #scope: StepScope;
  #selection: Promise<Selected[]> | undefined;
  readonly #opened: FileTree[] = [];

  constructor(operation: CopyOperation, scope: StepScope) {
    this.#operation = operation;
    this.#scope = scope;
  }

  async digest(): Promise<string> {
    const from = this.#operation.from && (await this.#scope.resolve(this.#operation.from));
    if (!from || "context" in from || !this.#operation.sources.every((source) => source.kind === "path")) return this.#look();
    return this.#remembered(from.chainId);
  }

  /** A root file system never changes, so neither does what a selection of it holds. */
  async #remembered(chainId: Digest | null): Promise<string> {
    const { sources, parents, exclude } = this.#operation;
    const directory = joinPath(this.#scope.rooms.stateDirectory, "selections");
    const file = joinPath(directory, `${keyOf({ chainId, sources, parents, exclude })}.json`);
    const known = await readJson<{ files: string }>(file).catch(() => undefined);
    if (known) return known.files;
    const files = await this.#look();
    await makeDirectory(directory);
    await writeJson(file, { files }, { unsynced: true });
    return files;
  }

  async #look(): Promise<string> {
    const { from, sources, parents, exclude } = this.#operation;
    const { trees } = this.#scope;
    const ignore = from ? undefined : await trees.ignoreDigest();
    const memory = from ? undefined : await trees.remembered();
    const name = memory && keyOf({ sources, parents, exclude, ignore });
    const known = name && sources.every(({ kind }) => kind === "path") ? memory.unchangedSelection(name) : undefined;
    if (known) {
      this.manifest = () => Promise.resolve(known.manifest);
      this.roots = known.roots;
      return known.digest;
    }
    const selection = await this.#select();
    let made: Promise<ReadonlyMap<string, string>> | undefined;
    const manifest: Manifest = () => (made ??= manifestOf(selection, this.#scope.signal));
    this.manifest = manifest;
    this.roots = rootsOf(selection);
    if (!name) return manifestDigest(await manifest());
    const [roots, entries, before] = [this.roots, entriesOf(selection), memory.selection(name)];
    if (before && isSameList(before.entries, entries)) {
      made = Promise.resolve(before.manifest);
      memory.keepSelection(name, { ...before, roots });
      return before.digest;
    }
    const changed = before && (await changedManifest(selection, before, this.#scope.signal));
    if (changed) made = Promise.resolve(changed);
    const now = await manifest();
    const digest = before && now === before.manifest ? before.digest : manifestDigest(now);
    memory.keepSelection(name, { entries, manifest: now, digest, roots });
    return digest;
  }

  #select(): Promise<Selected[]> {
    return (this.#selection ??= this.#find());
  }

  async #find(): Promise<Selected[]> {
    const found: Selected[] = [];
    for (const source of this.#operation.sources) found.push(...(await this.#selectOne(source)));
    return found;
  }

  async #selectOne(source: CopySource): Promise<Selected[]> {
    const { parents, exclude, add, checksum } = this.#operation;
    if (source.kind === "path") return select(await this.#tree(), source.path, { parents, exclude, keyword: add ? "ADD" : "COPY" });
    if (source.kind === "git") return this.#repository(source.url);
    const { rooms, signal, request, trail } = this.#scope;
    const tree =
      source.kind === "inline"
        ? new MemoryTree(toBytes(source.name), Buffer.from(source.content), { mode: 0o644, mtimeSeconds: 0 })
        : await download(source.url, {
            checksum,
            directory: rooms.temporary,
            signal,
            access: request,
            tell: (digest) => trail.http(source.url, digest),
          });
    this.#opened.push(tree);
    const [name] = tree.children("");
    return [{ tree, name: name!, directory: undefined, entries: [{ relative: "", entry: tree.entry(name!)! }] }];
  }

  /** The files of a repository, without its .git unless that is asked for; with `--checksum` it has to be that commit. */
  async #repository(url: string): Promise<Selected[]> {
    const { exclude, checksum, keepGitDir } = this.#operation;
    const { rooms, signal, request, trail } = this.#scope;
    const tell = (commit: string): void => trail.git(withoutCredentials(url), commit);
    const own = joinPath(rooms.temporary, `git-${randomBytes(8).toString("hex")}`);
    await makeDirectory(own);
    const directory = await cloneRepository(url, own, { signal, checksum, keepGitDir, access: request, tell });
    const tree = new DirectoryTree(directory, { owner: "root" });
    const close = tree.close.bind(tree);
    this.#opened.push(Object.assign(tree, { close: () => (close(), rmSync(own, { recursive: true, force: true })) }));
    return select(tree, "/", { parents: false, exclude, keyword: "ADD" });
  }

  async #tree(): Promise<FileTree> {
    const { from } = this.#operation;
    if (!from) return this.#scope.trees.context();
    const resolved = await this.#scope.resolve(from);
    return "context" in resolved ? this.#scope.trees.named(resolved.context) : this.#scope.trees.root(resolved.chainId);
  }

  /** The selection with archives in the place of files that ADD unpacks. */
  async unpacked(): Promise<Selected[]> {
    const selection = await this.#select();
    const { unpack, sources } = this.#operation;
    if (!unpack.local && !unpack.remote) return selection;
    const isRemote = sources.some((source) => source.kind === "url");
    if (isRemote ? !unpack.remote : !unpack.local) return selection;
    return Promise.all(selection.map((selected) => this.#unpack(selected)));
  }

  async #unpack(selected: Selected): Promise<Selected> {
    const file = selected.directory ? undefined : selected.entries[0]?.entry;
    if (file?.type !== "file") return selected;
    const tree = await unpackArchive(selected.tree, file, { directory: this.#scope.rooms.temporary, signal: this.#scope.signal });
    if (!tree) return selected;
    this.#opened.push(tree);
    const [archive] = select(tree, "/", { parents: false, exclude: [], keyword: "ADD" });
    return { ...archive!, archive: true };
  }

  close(): void {
    for (const tree of this.#opened) tree.close();
  }
}

function isSameList(before: readonly unknown[], now: readonly unknown[]): boolean {
  return before.length === now.length && before.every((one, index) => one === now[index]);
}

export async function prepareWorkdir(operation: WorkdirOperation, instruction: string, scope: StepScope): Promise<Prepared> {
  const { path, user } = operation;
  const run = async (): Promise<StepLayer> => {
    const root = await scope.trees.root(scope.parent);
    const owner = user === "" ? undefined : await readOwner(user, root);
    const plan = new LayerPlan(root, { owner, chmod: undefined });
    const target = plan.resolve(cleanPath(toBytes(path)));
    if (target === "proc" || target.startsWith("proc/"))
      throw new EngineError("invalid", `WORKDIR ${JSON.stringify(path)} is not allowed: it is below /proc`);
    if (plan.entry(target)?.type !== "directory") plan.makeDirectory(target);
    return scope.rooms.layers.add(plan, scope.parent, { signal: scope.signal });
  };
  const key = keyOf({ v: 1, op: "workdir", parent: scope.parent, path, user });
  const containerId = randomBytes(32).toString("hex");
  return Promise.resolve({
    key,
    containerId,
    inputs: { instruction, parent: scope.parent, values: { "setting the path": path, "setting the user": user } },
    run,
  });
}
