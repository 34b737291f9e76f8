/**
 * A builder on real images and snapshots with the smallest RUN that can be, a chroot: for tests of the builder's own work.
 * The real containers are used by test/engine/build.test.ts.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ContextDirectories } from "../../engine/build/buildkit/context-directory.ts";
import type { Builder, BuildProgress, BuildRequest } from "../../engine/build/builder.ts";
import { openBuilder } from "../../engine/build/solver.ts";
import type { StepMount, StepRun, StepRunner } from "../../engine/containers/run-step.ts";
import { Events } from "../../engine/events.ts";
import type { Image, Images } from "../../engine/images/images.ts";
import { openImages } from "../../engine/images/store.ts";
import { openSnapshots } from "../../engine/layers/overlay.ts";
import type { Snapshots } from "../../engine/layers/snapshots.ts";

export interface BuildRooms {
  readonly builder: Builder;
  readonly images: Images;
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

export async function openBuildRooms(more: { cacheBytes?: number } = {}): Promise<BuildRooms> {
  const directory = mkdtempSync(join(tmpdir(), "berth-build-"));
  const snapshots = await openSnapshots({ directory: join(directory, "storage"), rootless: false });
  const steps = new ChrootSteps();
  const events = new Events();
  const images = await openImages({ directory: join(directory, "storage/images"), snapshots, events });
  const open = (): Promise<Builder> =>
    openBuilder({
      directory: join(directory, "build"),
      contexts: new ContextDirectories(join(directory, "build/contexts")),
      stateDirectory: join(directory, "state"),
      images,
      snapshots,
      steps,
      events,
      ...more,
    });
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

/** Runs commands with chroot(1) and bind mounts; the commands that ran are remembered. */
export class ChrootSteps implements StepRunner {
  readonly hasCgroups = false;
  readonly ran: StepRun[] = [];
  /** Called when a command starts. */
  onStart: ((step: StepRun) => void) | undefined;

  async run(step: StepRun): Promise<{ exitCode: number; oomKilled: boolean }> {
    this.ran.push(step);
    step.signal?.throwIfAborted();
    const targets = step.mounts.map((mount) => mountInto(step.rootfs, mount));
    try {
      return await this.#chroot(step);
    } finally {
      for (const target of targets.toReversed()) execFileSync("umount", [target]);
    }
  }

  open(): never {
    throw new Error("A chroot has no terminal");
  }

  async #chroot(step: StepRun): Promise<{ exitCode: number; oomKilled: boolean }> {
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

/** Like the runtime: a missing mount point is made, and is left for the layer to leave out. */
function mountInto(rootfs: string, mount: StepMount): string {
  const target = join(rootfs, mount.target);
  const isDirectory = mount.type === "tmpfs" || statSync(mount.source!).isDirectory();
  mkdirSync(isDirectory ? target : dirname(target), { recursive: true });
  if (!isDirectory && !existsSync(target)) writeFileSync(target, "");
  if (mount.type === "tmpfs") execFileSync("mount", ["-t", "tmpfs", "tmpfs", target]);
  else execFileSync("mount", ["--bind", mount.source!, target]);
  if (mount.readOnly) execFileSync("mount", ["-o", "remount,bind,ro", target]);
  return target;
}
