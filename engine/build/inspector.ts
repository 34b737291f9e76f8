/** Looking into builds: what they told, and each step as a snapshot that can be opened. */
import type { StepChange, StepEnvironment, StepFile, StepShell, StepShellRequest } from "../api/types/builds.ts";
import type { Attachment } from "../containers/containers.ts";
import { EngineError } from "../errors.ts";
import { topLayer } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildProgress, BuildRecord, StepRecord } from "./builder.ts";
import { noSuchStep } from "./records.ts";
import type { Records } from "./records.ts";
import { followBuild } from "./replay.ts";
import type { Rooms } from "./rooms.ts";
import { environmentOf } from "./scene.ts";
import type { Scene } from "./scene.ts";
import { missingMounts } from "./scene-mounts.ts";
import { StepFiles } from "./step-files.ts";
import { StepShells } from "./step-shell.ts";

/** Ids of builds may be the beginning of one, or `latest`; a step that was not reached is not found. */
export class Inspector {
  readonly #rooms: Rooms;
  readonly #records: Records;
  readonly #files: StepFiles;
  readonly #shells: StepShells;

  constructor(rooms: Rooms, records: Records) {
    this.#rooms = rooms;
    this.#records = records;
    this.#files = new StepFiles(rooms.snapshots);
    this.#shells = new StepShells(rooms);
  }

  /** Newest first. */
  list(): Promise<BuildRecord[]> {
    return this.#records.list();
  }

  get(id: string): Promise<BuildRecord> {
    return this.#records.get(id);
  }

  /** Whether there is a record that a client would call so. */
  async knows(ref: string): Promise<boolean> {
    return (await this.list()).some((record) => (record.ref ?? record.id) === ref);
  }

  /** Each build that runs now, then each that begins or has ended. Returns what stops it. */
  watch(listener: (record: BuildRecord) => void): () => void {
    return this.#records.watch(listener);
  }

  /** Everything that a build has told and tells, up to `finish`. */
  progress(id: string, signal: AbortSignal): AsyncGenerator<BuildProgress> {
    return followBuild(this.#records, id, signal);
  }

  /** What a step printed, at most its last megabyte. */
  log(id: string, step: string): Promise<Buffer> {
    return this.#records.log(id, step);
  }

  async dockerfile(id: string): Promise<string> {
    return this.#records.dockerfile((await this.get(id)).id);
  }

  async remove(id: string): Promise<void> {
    await this.#records.remove(id);
  }

  async environment(id: string, step: string): Promise<StepEnvironment> {
    const { scene } = await this.#step(id, step);
    const missing = await missingMounts(scene.mounts, this.#rooms.cache);
    return environmentOf(scene, (mount) => missing.get(mount));
  }

  async files(id: string, step: string, path: string): Promise<StepFile[]> {
    return this.#files.list(await this.#root(id, step), path);
  }

  /** @returns the size and the bytes of a file; the caller reads them to their end or returns early */
  async readFile(id: string, step: string, path: string): Promise<{ sizeBytes: number; content: AsyncGenerator<Buffer> }> {
    return this.#files.read(await this.#root(id, step), path);
  }

  /** Against the step before; nothing for a base image and for what only changes settings. */
  async changes(id: string, step: string, signal: AbortSignal): Promise<StepChange[]> {
    const { record, scene } = await this.#step(id, step);
    const chainId = await this.#here(record, scene);
    if (chainId === null || record.kind === "from" || chainId === scene.parent) return [];
    return this.#files.changes(chainId, signal);
  }

  /** The root file system of an image as one tar. @throws {EngineError} not-found */
  async rootfs(image: string): Promise<AsyncGenerator<Buffer>> {
    return this.#files.tar(topLayer(await this.#rooms.images.get(image)));
  }

  /** Starts a shell; what it writes goes when it ends. */
  async shell(id: string, step: string, options: { request: StepShellRequest; signal: AbortSignal }): Promise<OpenShell> {
    const { record, scene } = await this.#step(id, step);
    const chainId = options.request.Before ? scene.parent : await this.#here(record, scene);
    return this.#shells.open({ scene, chainId, ...options });
  }

  resizeShell(shell: string, size: { rows: number; columns: number }): void {
    this.#shells.resize(shell, size);
  }

  inspectShell(shell: string): StepShell {
    return this.#shells.inspect(shell);
  }

  async #root(id: string, step: string): Promise<Digest | null> {
    const { record, scene } = await this.#step(id, step);
    return this.#here(record, scene);
  }

  async #step(id: string, step: string): Promise<{ record: StepRecord; scene: Scene }> {
    const build = await this.get(id);
    const record = build.steps.find((known) => known.id === step);
    if (!record) throw noSuchStep(step);
    return { record, scene: await this.#records.scene(build.id, step) };
  }

  /**
   * The files after a step; those before it when it failed without having any.
   * @throws {EngineError} not-found when it has not ended, or its files are gone
   */
  async #here({ chainId, error, instruction }: StepRecord, { parent }: Scene): Promise<Digest | null> {
    const layers = chainId === undefined && error !== undefined ? parent : chainId;
    if (layers === undefined)
      throw new EngineError("not-found", `The step ${JSON.stringify(instruction)} has not ended: open the step before it`);
    if (layers !== null && !(await this.#rooms.snapshots.layer(layers)))
      throw new EngineError("not-found", `The files of ${JSON.stringify(instruction)} are no longer in the build cache: build again`);
    return layers;
  }
}

export interface OpenShell {
  readonly id: string;
  readonly attachment: Attachment;
}
