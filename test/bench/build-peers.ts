/**
 * A 10-step build of 5,000 files (50 MB) from the command line: by `berth build` and, in the same run, by BuildKit and the
 * classic builder of Debian's docker, by buildah, and by docker's buildx against Berth's socket, where they are installed
 * (BERTH_TEST_CLI_PLUGINS names a directory with docker-buildx). Cold, fully cached, with one file changed. Needs root. Prints
 * medians in milliseconds, and how many times as long as Berth each takes. Words behind it choose: berth, docker, buildx, buildah.
 *
 * Each engine is asked by its own command, at its best and with quiet output: Berth's and BuildKit's look at the context where
 * it lies and take over only what changed, the classic builder is sent all of it as a tar. Each has a context of its own that
 * has settled; a cached build follows one that had a change, as in a day's work.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { busyboxTar } from "../../scripts/base-image.ts";
import { which } from "../../scripts/setup.mjs";
import { berth, importBusybox } from "../support/berth.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result } from "../support/engine.ts";
import { dockerfile, fillContext } from "./build.ts";

const ROUNDS = Number(process.env["BERTH_BENCH_ROUNDS"] ?? 3);

interface Times {
  readonly cold: number;
  readonly cached: number;
  readonly changed: number;
}

/** Builds the context once more. */
type Builder = (context: string) => Promise<Result>;

function show(name: string, { cold, cached, changed }: Times): void {
  console.log(`${name}: cold ${cold.toFixed(0)} ms, cached ${cached.toFixed(0)} ms, one file changed ${changed.toFixed(0)} ms`);
}

async function measure(context: string, build: Builder): Promise<Times> {
  const timed = async (): Promise<number> => {
    const start = performance.now();
    const { exitCode, stderr, stdout } = await build(context);
    if (exitCode !== 0) throw new Error(`${stderr}${stdout}`);
    return performance.now() - start;
  };
  // Files that changed just now are read again; those of a real checkout have settled.
  await delay(2500);
  const cold = await timed();
  const cached: number[] = [];
  const changed: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    cached.push(await timed());
    writeFileSync(join(context, "d7/f77"), `changed ${round} ${performance.now()}`);
    changed.push(await timed());
    await delay(2500);
  }
  const times = { cold, cached: median(cached), changed: median(changed) };
  show(basename(context), times);
  return times;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function makeContext(folder: string, name: string): string {
  const context = join(folder, name);
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  writeFileSync(join(context, "package.json"), "{}");
  fillContext(context);
  return context;
}

async function benchBerth(folder: string): Promise<Times> {
  const engine = await startEngine({ as: "root" });
  try {
    await importBusybox(engine);
    return await measure(makeContext(folder, "berth"), (context) => berth(engine, ["build", "-q", "-t", "bench", context]));
  } finally {
    await engine.remove();
  }
}

async function benchDocker(folder: string): Promise<Record<string, Times>> {
  const dockerd = await startDockerd(join(folder, "dockerd"));
  const env = { ...process.env, DOCKER_HOST: dockerd.socket, DOCKER_CONFIG: folder };
  const docker = async (args: string[], more: object = {}): Promise<Result> =>
    runProgram(["/usr/bin/docker", ...args], { env: { ...env, ...more } });
  try {
    await runProgram(["/usr/bin/docker", "import", "-c", "ENV PATH=/bin", "-", "busybox"], { env, input: await busyboxTar() });
    const by = (buildkit: string) => (context: string) => docker(["build", "-q", "-t", "bench", context], { DOCKER_BUILDKIT: buildkit });
    const buildkit = await measure(makeContext(folder, "buildkit"), by("1"));
    return { BuildKit: buildkit, "classic builder": await measure(makeContext(folder, "classic"), by("0")) };
  } finally {
    await dockerd.stop();
  }
}

/** The real buildx, unmodified, against Berth's socket. */
async function benchBuildx(folder: string, plugins: string): Promise<Times> {
  const DOCKER_CONFIG = join(folder, "buildx-config");
  cpSync(plugins, join(DOCKER_CONFIG, "cli-plugins"), { recursive: true, dereference: true });
  const engine = await startEngine({ as: "root" });
  try {
    await importBusybox(engine);
    const env = { DOCKER_CONFIG, DOCKER_BUILDKIT: "1" };
    return await measure(makeContext(folder, "buildx"), (context) =>
      engine.docker(["buildx", "build", "-q", "-t", "bench", context], { env }),
    );
  } finally {
    await engine.remove();
  }
}

/** Machines without an own cgroup and network set-up run buildah's commands in a chroot. */
const NO_SANDBOX = ["--isolation=chroot", "--network=host"];

async function benchBuildah(folder: string): Promise<Times> {
  const root = ["--root", join(folder, "buildah"), "--runroot", join(folder, "buildah-run"), "--storage-driver", "overlay"];
  const tar = join(folder, "busybox.tar");
  writeFileSync(tar, await busyboxTar());
  const base = makeContext(folder, "buildah-base-context");
  writeFileSync(join(base, "Dockerfile"), "FROM scratch\nADD busybox.tar /\nENV PATH=/bin\n");
  writeFileSync(join(base, "busybox.tar"), await busyboxTar());
  const made = await runProgram(["buildah", ...root, "bud", "-q", ...NO_SANDBOX, "-t", "busybox", base], {});
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const context = makeContext(folder, "buildah context");
  writeFileSync(join(context, "Dockerfile"), dockerfile.replace("FROM busybox", "FROM localhost/busybox"));
  return measure(context, () => runProgram(["buildah", ...root, "bud", "-q", "--layers", ...NO_SANDBOX, "-t", "bench", context], {}));
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
  try {
    const chosen = process.argv.slice(2);
    const isChosen = (name: string): boolean => chosen.length === 0 || chosen.includes(name);
    const results: Record<string, Times> = {};
    if (isChosen("berth")) results["Berth"] = await benchBerth(folder);
    if (isChosen("docker") && cannotRunDockerd() === false) Object.assign(results, await benchDocker(folder));
    const plugins = process.env["BERTH_TEST_CLI_PLUGINS"];
    if (isChosen("buildx") && plugins) results["buildx on Berth"] = await benchBuildx(folder, plugins);
    else if (isChosen("buildx")) console.log("buildx on Berth: skipped, BERTH_TEST_CLI_PLUGINS names no docker-buildx");
    if (isChosen("buildah") && which("buildah")) results["buildah"] = await benchBuildah(folder);
    else if (isChosen("buildah")) console.log("buildah: skipped, it is not installed");
    const own = results["Berth"];
    for (const [name, times] of own ? Object.entries(results) : []) {
      const { cold, cached, changed } = times;
      const factors = [cold / own!.cold, cached / own!.cached, changed / own!.changed].map((factor) => `${factor.toFixed(1)}x`);
      console.log(`${name} takes as long as Berth: cold ${factors[0]}, cached ${factors[1]}, one file changed ${factors[2]}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
