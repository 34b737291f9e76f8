/** `RUN --mount`: what each mount shows, and how it is taken away again. */
import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StepMount } from "../containers/run-step.ts";
import { EngineError } from "../errors.ts";
import type { BuildRequest } from "./builder.ts";
import { MS, mount, unmount } from "../host/mount.ts";
import { copyInto } from "../layers/jail.ts";
import { toBytes } from "../layers/names.ts";
import type { Digest } from "../layers/snapshots.ts";
import { forwardSocket } from "./forward-socket.ts";
import { contextLayer, contextManifest } from "./context-layer.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { cleanPath, resolveLinks } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";
import type { RunOperation, StepMountSpec } from "./operation.ts";
import type { StepScope } from "./rooms.ts";
import { CONTEXT_TARGET } from "./scene-mounts.ts";
import type { SceneMount } from "./scene.ts";
import { manifestDigest } from "./selection.ts";

/** Mounts of a step that runs; `env` comes from secrets. */
export interface TakenMounts {
  readonly mounts: readonly StepMount[];
  readonly env: readonly string[];
  release(): Promise<void>;
}

/** A mount as its step's key, its explanation and who looks into the step later know it. */
export interface DescribedMount {
  /** What can be seen through it, or only its name. */
  readonly key: unknown;
  readonly scene: SceneMount;
  /** Files of the context that can be seen through it. */
  readonly manifest?: ReadonlyMap<string, string>;
}

export async function describeMount(spec: StepMountSpec, scope: StepScope): Promise<DescribedMount> {
  const { mount, target, from } = spec;
  const { type, source, readOnly, id, env } = mount;
  if (type !== "bind") {
    const resolved = type === "cache" && from && from.kind !== "scratch" ? await scope.resolve(from) : undefined;
    const beginning = resolved && { from: await beginningOf(resolved, scope), source };
    return { key: { type, target, id, env, ...beginning }, scene: { mount, target } };
  }
  const resolved = from && (await scope.resolve(from));
  if (resolved && "chainId" in resolved)
    return { key: { type, target, source, readOnly, chainId: resolved.chainId }, scene: { mount, target, from: resolved } };
  const manifest = await contextManifest(await bindTree(resolved?.context, scope), { source, signal: scope.signal });
  const files = manifestDigest(manifest);
  return { key: { type, target, source, readOnly, files }, scene: { mount, target, from: { contextFiles: files } }, manifest };
}

/** What a cache is filled with when it is new. */
async function beginningOf(resolved: { chainId: Digest | null } | { context: string }, scope: StepScope): Promise<unknown> {
  if ("chainId" in resolved) return resolved.chainId;
  return manifestDigest(await contextManifest(await scope.trees.named(resolved.context), { signal: scope.signal }));
}

function bindTree(context: string | undefined, scope: Pick<StepScope, "trees">): Promise<FileTree> {
  return context === undefined ? scope.trees.context() : scope.trees.named(context);
}

/** What mounts are made ready with. */
export type MountScope = Pick<StepScope, "rooms" | "trees" | "buildId" | "resolve" | "signal"> & {
  readonly request: Pick<BuildRequest, "secret" | "sshAgent">;
};

/** Makes the mounts of a step ready, in the order of the Dockerfile. */
export async function takeMounts(operation: Pick<RunOperation, "mounts" | "script">, scope: MountScope): Promise<TakenMounts> {
  const taken = new Taking(scope);
  try {
    if (operation.script) await taken.script(operation.script);
    for (const spec of operation.mounts) await taken.add(spec);
    return taken;
  } catch (error) {
    await taken.release();
    throw error;
  }
}

class Taking implements TakenMounts {
  readonly mounts: StepMount[] = [];
  readonly env: string[] = [];
  readonly #scope: MountScope;
  readonly #releases: (() => Promise<void> | void)[] = [];
  #secrets: string | undefined;

  constructor(scope: MountScope) {
    this.#scope = scope;
  }

  async add(spec: StepMountSpec): Promise<void> {
    switch (spec.mount.type) {
      case "bind":
        return this.#bind(spec);
      case "cache":
        return this.#cache(spec);
      case "tmpfs": {
        const size = spec.mount.sizeBytes === undefined ? [] : [`size=${spec.mount.sizeBytes}`];
        this.mounts.push({ type: "tmpfs", target: spec.target, readOnly: spec.mount.readOnly, options: size });
        return undefined;
      }
      case "secret":
        return this.#secret(spec);
      case "ssh":
        return this.#ssh(spec);
    }
  }

  /** A heredoc with a shebang becomes an executable file. */
  async script({ path, content }: { path: string; content: string }): Promise<void> {
    const file = join(this.#scope.rooms.temporary, randomUUID());
    await writeFile(file, content, { mode: 0o755 });
    await chmod(file, 0o755);
    this.#releases.push(() => rm(file, { force: true }));
    this.mounts.push({ type: "bind", source: file, target: path, readOnly: true });
  }

  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).toReversed()) await release();
  }

  async #bind({ mount: spec, target, from }: StepMountSpec): Promise<void> {
    const resolved = from && (await this.#scope.resolve(from));
    const { chainId, path } =
      resolved && "chainId" in resolved
        ? { chainId: resolved.chainId, path: spec.source ?? "/" }
        : await this.#contextLayer(resolved?.context, spec.source ?? "/");
    const root = await this.#root(chainId, spec.readOnly);
    const tree = new DirectoryTree(root, { owner: "kept" });
    const found = tree.entry(resolveLinks(tree, cleanPath(toBytes(path))) ?? "");
    if (!found) throw new EngineError("invalid", `failed to compute cache key: ${JSON.stringify(path)}: not found`);
    const source = join(root, Buffer.from(found.path, "latin1").toString());
    this.mounts.push({ type: "bind", source, target, readOnly: spec.readOnly });
  }

  /** What is written through a mount goes to a snapshot that is thrown away. */
  async #root(chainId: Digest | null, readOnly: boolean): Promise<string> {
    const { rooms, trees, buildId } = this.#scope;
    if (readOnly && chainId !== null) return trees.rootPath(chainId);
    const key = `build-${buildId}-mount-${randomUUID()}`;
    this.#releases.push(() => rooms.snapshots.remove(key));
    await rooms.snapshots.prepare(key, chainId);
    return rooms.snapshots.mount(key);
  }

  async #contextLayer(context: string | undefined, source: string): Promise<{ chainId: Digest; path: string }> {
    const { rooms, signal } = this.#scope;
    const tree = await bindTree(context, this.#scope);
    const { chainId } = await contextLayer(tree, { rooms, signal, source, target: CONTEXT_TARGET });
    return { chainId, path: `/${CONTEXT_TARGET}` };
  }

  async #cache({ mount: spec, target, from }: StepMountSpec): Promise<void> {
    const { rooms, signal } = this.#scope;
    const { mode, uid, gid, sharing } = spec;
    const fill = from && from.kind !== "scratch" ? (directory: string) => this.#fill(directory, spec, from) : undefined;
    const cache = await rooms.mounts.take({ id: spec.id ?? target, sharing, mode, uid, gid, fill }, signal);
    this.#releases.push(() => cache.release());
    this.mounts.push({ type: "bind", source: cache.directory, target, readOnly: spec.readOnly });
  }

  /** A cache that is new begins with the files that `from` and `source` name. */
  async #fill(directory: string, { source = "/" }: StepMountSpec["mount"], from: NonNullable<StepMountSpec["from"]>): Promise<void> {
    const resolved = await this.#scope.resolve(from);
    const { chainId, path } =
      "chainId" in resolved ? { chainId: resolved.chainId, path: source } : await this.#contextLayer(resolved.context, source);
    if (chainId === null) return;
    await copyInto({ root: await this.#scope.trees.rootPath(chainId), path }, { root: directory, path: "/" }, { top: true });
  }

  /** Secrets are files of a file system in memory, so that they never reach a disk. */
  async #secret({ mount: spec, target }: StepMountSpec): Promise<void> {
    const id = spec.id ?? spec.source ?? target.split("/").at(-1)!;
    const content = await this.#scope.request.secret?.(id);
    if (!content) {
      if (spec.required) throw new EngineError("invalid", `secret ${id}: not found`);
      return;
    }
    if (spec.env !== undefined) this.env.push(`${spec.env}=${content.toString()}`);
    if (spec.env !== undefined && spec.target === undefined) return;
    const file = join(await this.#memory(), randomUUID());
    await writeFile(file, content, { mode: 0o400 });
    await chmod(file, spec.mode ?? 0o400);
    await chown(file, spec.uid ?? 0, spec.gid ?? 0);
    this.mounts.push({ type: "bind", source: file, target, readOnly: true });
  }

  async #memory(): Promise<string> {
    if (this.#secrets !== undefined) return this.#secrets;
    const directory = join(this.#scope.rooms.temporary, `secrets-${randomUUID()}`);
    await mkdir(directory, { mode: 0o700 });
    mount("tmpfs", directory, "tmpfs", { flags: MS.NOSUID | MS.NODEV | MS.NOEXEC, data: "mode=0700,size=16m" });
    this.#releases.push(async () => {
      unmount(directory, { lazy: true });
      await rmdir(directory);
    });
    return (this.#secrets = directory);
  }

  async #ssh({ mount: spec, target }: StepMountSpec): Promise<void> {
    const id = spec.id ?? "default";
    const socket = await this.#scope.request.sshAgent?.(id);
    if (socket === undefined) {
      if (spec.required) throw new EngineError("invalid", `unset ssh forward key ${id}`);
      return;
    }
    this.mounts.push({ type: "bind", source: await this.#forward(socket, spec), target, readOnly: false });
    if (!this.env.some((entry) => entry.startsWith("SSH_AUTH_SOCK="))) this.env.push(`SSH_AUTH_SOCK=${target}`);
  }

  /** The agent's socket belongs to the client: a step that wants it otherwise gets one of its own in front of it. */
  async #forward(socket: string, { mode, uid, gid }: StepMountSpec["mount"]): Promise<string> {
    if (mode === undefined && uid === undefined && gid === undefined) return socket;
    const path = join(this.#scope.rooms.temporary, randomUUID());
    const release = await forwardSocket(path, socket);
    this.#releases.push(release);
    await chmod(path, mode ?? 0o600);
    await chown(path, uid ?? 0, gid ?? 0);
    return path;
  }
}
