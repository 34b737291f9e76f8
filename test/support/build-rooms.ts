/**
 * A builder on real snapshots, with the smallest images and RUN that can be: images are records in memory, a RUN is a
 * chroot. For tests of the builder's own work; the real rooms are used by test/engine/build.test.ts.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Builder, BuildProgress, BuildRequest } from "../../engine/build/builder.ts";
import { openBuilder } from "../../engine/build/solver.ts";
import type { StepRun, StepRunner } from "../../engine/containers/run-step.ts";
import { EngineError } from "../../engine/errors.ts";
import { Events } from "../../engine/events.ts";
import type { Descriptor, Image, ImageConfig, Images } from "../../engine/images/images.ts";
import { openSnapshots } from "../../engine/layers/overlay.ts";
import type { Digest, Snapshots } from "../../engine/layers/snapshots.ts";

export interface BuildRooms {
  readonly builder: Builder;
  readonly images: MemoryImages;
  readonly snapshots: Snapshots;
  readonly steps: ChrootSteps;
  readonly directory: string;
  /** A new context directory with these files; directories end with a slash. */
  context(files: Readonly<Record<string, string>>): string;
  /** Builds a directory; `events` are what was reported. */
  build(contextDir: string, options?: Partial<BuildRequest>, signal?: AbortSignal): Promise<{ image: Image; events: BuildProgress[] }>;
  /** Another builder on the same directories, as after a restart. */
  reopen(): Promise<Builder>;
  close(): Promise<void>;
}

export async function openBuildRooms(): Promise<BuildRooms> {
  const directory = mkdtempSync(join(tmpdir(), "berth-build-"));
  const snapshots = await openSnapshots({ directory: join(directory, "storage"), rootless: false });
  const images = new MemoryImages(snapshots);
  const steps = new ChrootSteps();
  const events = new Events();
  const open = (): Promise<Builder> =>
    openBuilder({ directory: join(directory, "build"), stateDirectory: join(directory, "state"), images, snapshots, steps, events });
  const builder = await open();
  let contexts = 0;
  const rooms: BuildRooms = {
    builder,
    images,
    snapshots,
    steps,
    directory,
    context(files) {
      const path = join(directory, `context-${contexts++}`);
      mkdirSync(path);
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(path, name, name.endsWith("/") ? "" : ".."), { recursive: true });
        if (!name.endsWith("/")) writeFileSync(join(path, name), text);
      }
      return path;
    },
    async build(contextDir, options = {}, signal) {
      const events: BuildProgress[] = [];
      const request: BuildRequest = {
        contextDir,
        dockerfile: { path: "Dockerfile" },
        tags: ["test:latest"],
        buildArgs: {},
        labels: {},
        noCache: false,
        pull: false,
        ...options,
      };
      const { imageId } = await builder.build(request, (event) => events.push(event), signal);
      return { image: await images.get(imageId), events };
    },
    reopen: open,
    async close() {
      for (const key of await snapshots.keys()) await snapshots.remove(key);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return rooms;
}

/** Runs commands with chroot(1); the commands that ran are remembered. */
export class ChrootSteps implements StepRunner {
  readonly ran: StepRun[] = [];
  /** Called when a command starts. */
  onStart: ((step: StepRun) => void) | undefined;

  async run(step: StepRun): Promise<{ exitCode: number; oomKilled: boolean }> {
    this.ran.push(step);
    step.signal?.throwIfAborted();
    const user = step.user === "" ? [] : [`--userspec=${step.user}`];
    const env = Object.fromEntries(step.env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
    const script = 'cd "$1" && shift && exec "$@"';
    const child = spawn("/usr/sbin/chroot", [...user, step.rootfs, "/bin/sh", "-c", script, "sh", step.workingDir, ...step.args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const kill = (): void => void process.kill(-child.pid!, "SIGKILL");
    step.signal?.addEventListener("abort", kill, { once: true });
    child.stdout.on("data", (data: Buffer) => step.onOutput("stdout", data));
    child.stderr.on("data", (data: Buffer) => step.onOutput("stderr", data));
    this.onStart?.(step);
    const exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 137)));
    step.signal?.removeEventListener("abort", kill);
    step.signal?.throwIfAborted();
    return { exitCode, oomKilled: false };
  }
}

/** Images in memory; layers are in the snapshots. */
export class MemoryImages implements Images {
  readonly blobs = new Map<Digest, Buffer>();
  readonly #images = new Map<Digest, Image>();
  readonly #names = new Map<string, Digest>();
  readonly #snapshots: Snapshots;

  constructor(snapshots: Snapshots) {
    this.#snapshots = snapshots;
  }

  async putBlob(content: Readable | Buffer, mediaType: string): Promise<Descriptor> {
    const pieces: Buffer[] = [];
    for await (const piece of content instanceof Readable ? content : [content]) pieces.push(piece as Buffer);
    const blob = Buffer.concat(pieces);
    const digest: Digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
    this.blobs.set(digest, blob);
    return { mediaType, digest, size: blob.length };
  }

  async create(config: ImageConfig, layers: Descriptor[], names: string[]): Promise<Image> {
    const json = Buffer.from(JSON.stringify(config));
    const { digest: id } = await this.putBlob(json, "application/vnd.oci.image.config.v1+json");
    let parent: Digest | null = null;
    const imageLayers = [];
    for (const [index, descriptor] of layers.entries()) {
      const diffId = config.rootfs.diff_ids[index]!;
      const chainId: Digest = parent === null ? diffId : `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}`;
      if (!(await this.#snapshots.layer(chainId))) throw new Error(`layer ${chainId} is not unpacked`);
      imageLayers.push({ descriptor, diffId, chainId });
      parent = chainId;
    }
    const manifest = { mediaType: "", digest: id, size: 0 };
    const image: Image = {
      id,
      manifest,
      config,
      layers: imageLayers,
      repoTags: names,
      repoDigests: [],
      sizeBytes: 0,
      lastTaggedMs: Date.now(),
    };
    this.#images.set(id, image);
    for (const name of names) this.#names.set(name, id);
    return image;
  }

  async find(name: string): Promise<Image | undefined> {
    const id =
      this.#names.get(name) ?? this.#names.get(name.replace(/:latest$/, "")) ?? this.#names.get(`${name}:latest`) ?? (name as Digest);
    return Promise.resolve(this.#images.get(id));
  }

  async get(name: string): Promise<Image> {
    const image = await this.find(name);
    if (!image) throw new EngineError("not-found", `No such image: ${name}`);
    return image;
  }

  async list(): Promise<Image[]> {
    return Promise.resolve([...this.#images.values()]);
  }

  pull(reference: string): Promise<Image> {
    return Promise.reject(new EngineError("not-found", `manifest for ${reference} not found: manifest unknown: manifest unknown`));
  }

  tag = unused;
  remove = unused;
  load = unused;
  save = unused;
  importTar = unused;
  push = unused;
  addUser(): void {
    // Nothing is ever removed.
  }

  /** Makes an image of one layer of what a tar holds. */
  async addBase(name: string, tar: Buffer, config: ImageConfig["config"] = {}): Promise<Image> {
    const blob = await this.putBlob(tar, "application/vnd.oci.image.layer.v1.tar");
    await this.#snapshots.apply(Readable.from([tar]), blob.digest, null);
    const history = [{ created: "2020-01-01T00:00:00Z", created_by: "base" }];
    const rootfs = { type: "layers" as const, diff_ids: [blob.digest] };
    return this.create({ architecture: "amd64", os: "linux", config, rootfs, history }, [blob], [name]);
  }
}

function unused(): Promise<never> {
  return Promise.reject(new Error("not part of this test"));
}
