/** Shells in steps: a command in a snapshot that goes with it, with the step's own variables, user, directory and mounts. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { StepShell, StepShellRequest } from "../api/types/builds.ts";
import type { OpenedStep } from "../containers/run-step.ts";
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { resolveLinks } from "./file-tree.ts";
import type { OpenShell } from "./inspector.ts";
import type { Rooms } from "./rooms.ts";
import { takeMounts } from "./run-mounts.ts";
import type { Scene } from "./scene.ts";
import { reopenMounts } from "./scene-mounts.ts";
import { ContextMemory } from "./context-memory.ts";
import { Trees } from "./trees.ts";

interface Shell {
  readonly step: OpenedStep;
  exitCode: number | null;
}

interface ShellParts {
  readonly scene: Scene;
  readonly chainId: Digest | null;
  readonly request: StepShellRequest;
  readonly signal: AbortSignal;
}

/** Shells that have ended, of which the exit code is still known. */
const KEPT = 100;

const SHELLS = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/bin/ash", "/busybox/sh"];

export class StepShells {
  readonly #rooms: Rooms;
  readonly #shells = new Map<string, Shell>();

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  /** @throws {EngineError} invalid when the step has no shell and no command was given */
  async open(parts: ShellParts): Promise<OpenShell> {
    const id = randomBytes(32).toString("hex");
    const releases: (() => Promise<void>)[] = [];
    const release = async (): Promise<void> => {
      for (const each of releases.splice(0).toReversed()) await each();
    };
    try {
      const step = await this.#start(id, parts, releases);
      const shell: Shell = { step, exitCode: null };
      this.#remember(id, shell);
      const ended = step.exit
        .then(
          ({ exitCode }) => (shell.exitCode = exitCode),
          () => (shell.exitCode = 255),
        )
        .then(release);
      return { id, attachment: { ...step.attachment, output: thenWait(step.attachment.output, ended) } };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** @throws {EngineError} not-found */
  resize(id: string, size: { rows: number; columns: number }): void {
    this.#get(id).step.resize(size);
  }

  /** @throws {EngineError} not-found */
  inspect(id: string): StepShell {
    const { exitCode } = this.#get(id);
    return { Running: exitCode === null, ExitCode: exitCode };
  }

  async #start(id: string, { scene, chainId, request, signal }: ShellParts, releases: (() => Promise<void>)[]): Promise<OpenedStep> {
    const { snapshots, steps } = this.#rooms;
    const key = `build-shell-${id.slice(0, 24)}`;
    releases.push(() => snapshots.remove(key));
    await snapshots.prepare(key, chainId, { volatile: true });
    const rootfs = await snapshots.mount(key);
    const args = request.Cmd?.length ? [...request.Cmd] : [findShell(rootfs)];
    const mounts = await this.#mounts(id, { scene, request, signal }, releases);
    const [rows, columns] = request.ConsoleSize ?? [0, 0];
    return steps.open({
      id,
      rootfs,
      args,
      env: [...scene.env, ...mounts.env, ...(request.Env ?? []), ...(request.Tty ? ["TERM=xterm-256color"] : [])],
      workingDir: request.WorkingDir ?? scene.workingDir,
      user: request.User ?? scene.user,
      ...(scene.sandbox ?? { networkMode: "default", extraHosts: [] }),
      mounts: mounts.mounts,
      hostname: "buildkitsandbox",
      tty: request.Tty ?? false,
      ...(rows > 0 && columns > 0 && { consoleSize: { rows, columns } }),
      signal,
    });
  }

  async #mounts(
    id: string,
    { scene, request, signal }: Omit<ShellParts, "chainId">,
    releases: (() => Promise<void>)[],
  ): ReturnType<typeof takeMounts> {
    const rooms = this.#rooms;
    const trees = new Trees({
      snapshots: rooms.snapshots,
      stateDirectory: rooms.stateDirectory,
      contextDir: join(rooms.temporary, "none"),
      contexts: new Map(),
      dockerfile: undefined,
      dockerignore: undefined,
      keyPrefix: `build-shell-${id.slice(0, 24)}-`,
      later: rooms.later,
      memory: new ContextMemory(),
    });
    releases.push(() => trees.close());
    const { specs, resolve } = await reopenMounts(scene.mounts, rooms.cache);
    const secret = (name: string): Promise<Buffer | undefined> => {
      const given = request.Secrets?.[name];
      return Promise.resolve(given === undefined ? undefined : Buffer.from(given, "base64"));
    };
    const scope = {
      rooms,
      trees,
      buildId: `shell-${id.slice(0, 24)}`,
      request: { secret },
      signal,
      resolve: async (source: { kind: string }) => Promise.resolve(resolve(source)),
    };
    const taken = await takeMounts({ mounts: specs, script: undefined }, scope);
    releases.push(() => taken.release());
    return taken;
  }

  #get(id: string): Shell {
    const shell = this.#shells.get(id);
    if (!shell) throw new EngineError("not-found", `No such shell: ${id}`);
    return shell;
  }

  #remember(id: string, shell: Shell): void {
    this.#shells.set(id, shell);
    for (const [old, { exitCode }] of this.#shells) {
      if (this.#shells.size <= KEPT) return;
      if (exitCode !== null) this.#shells.delete(old);
    }
  }
}

/** Whoever has seen the output end can ask for the exit code. */
async function* thenWait<T>(output: AsyncIterable<T>, ended: Promise<void>): AsyncGenerator<T> {
  yield* output;
  await ended;
}

/** The best shell that the root file system has. @throws {EngineError} invalid */
function findShell(rootfs: string): string {
  const tree = new DirectoryTree(rootfs, { owner: "kept" });
  const found = SHELLS.find((path) => {
    const resolved = resolveLinks(tree, path.slice(1));
    return resolved !== undefined && tree.entry(resolved)?.type === "file";
  });
  if (found !== undefined) return found;
  throw new EngineError("invalid", "There is no shell in this step: give a command that it has, or look at its files");
}
