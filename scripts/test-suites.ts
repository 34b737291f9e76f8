/**
 * The suites of `npm test`: each file is a process, two run side by side unless they drive an editor, each is counted, none
 * can be forgotten silently.
 */
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { testUser } from "../test/support/user.ts";
import { command, enginePackages, installSystemPackages, isRoot, root, step } from "./setup.mjs";
import { killJobs, runJob } from "./test-job.ts";
import type { Count, Job, Outcome } from "./test-job.ts";
import { cleanUp } from "./test-leftovers.ts";

interface Suite {
  readonly name: string;
  readonly title: string;
  /** Patterns of its files below the clone. */
  readonly files: readonly string[];
  /** What its files are. */
  readonly nodeTests: boolean;
  /** Each of its files has the machine for itself: an editor and a browser are as much as two processors carry. */
  readonly alone?: true;
}

interface Done extends Outcome {
  readonly suite: Suite;
  readonly file: string;
}

const output = join(root, "test-output");

/** In this order, so that the longest do not begin last. */
const suites: readonly Suite[] = [
  {
    name: "language",
    title: "Dockerfiles and compose files in VS Code",
    files: ["test/extension/run-language.ts"],
    nodeTests: false,
    alone: true,
  },
  { name: "ui", title: "Extension in VS Code, in Chromium", files: ["test/extension/run-ui.ts"], nodeTests: false, alone: true },
  { name: "inhost", title: "Extension in the extension host", files: ["test/extension/run-inhost.ts"], nodeTests: false, alone: true },
  { name: "engine", title: "Engine, as root and as an unprivileged user", files: ["test/engine/**/*.test.ts"], nodeTests: true },
  { name: "conformance", title: "Real clients", files: ["test/conformance/**/*.test.ts"], nodeTests: true },
  { name: "unit", title: "Unit tests", files: ["engine/**/*.test.ts", "src/**/*.test.ts", "scripts/**/*.test.ts"], nodeTests: true },
];

/** Files at a time. More than two are not tried out. */
const WORKERS = Math.min(2, availableParallelism());

const testPackages = [
  { program: "busybox", package: "busybox-static", why: "base images of the tests" },
  { program: "debootstrap", package: "debootstrap", why: "a Debian base image" },
  { program: "docker", package: "docker.io", why: "the real client, for conformance" },
  { program: "skopeo", package: "skopeo", why: "a foreign judge of images" },
  { program: "umoci", package: "umoci", why: "a foreign judge of images" },
  { program: ["chromium", "google-chrome"], package: "chromium", why: "VS Code in a browser" },
];

/** Runs the suites named in `only` (all when empty). @returns the exit code */
export async function test(only: string[]): Promise<number> {
  console.log("\nBerth: all tests\n");
  // Whatever the caller's is: files that tests make have to be readable for the users that they make them for.
  process.umask(0o022);
  const missing = await installSystemPackages([...enginePackages, ...testPackages]);
  if (isRoot) openTun();
  // Made before two files want to make it.
  testUser("user");
  await step("Build Berth", () => command([process.execPath, "scripts/build.ts"]));
  const done = await runSuites(suites.filter(({ name }) => only.length === 0 || only.includes(name)));
  return tell(
    done,
    missing.map(({ package: name }) => `not installed: ${name}`),
  );
}

/** Distributions ship /dev/net/tun readable for all (udev's rule); a bare machine may not have run udev. */
function openTun(): void {
  if (existsSync("/dev/net/tun")) chmodSync("/dev/net/tun", 0o666);
}

async function runSuites(chosen: readonly Suite[]): Promise<Done[]> {
  mkdirSync(output, { recursive: true });
  const place = mkdtempSync(join(tmpdir(), "berth-tests-"));
  const programs = join(place, "programs");
  mkdirSync(programs);
  for (const folder of [place, programs]) chmodSync(folder, 0o755);
  const end = (): void => {
    killJobs();
    cleanUp(place, programs);
    process.exit(130);
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, end);
  const jobs = chosen.flatMap((suite) =>
    filesOf(suite).map((file): Job & { suite: Suite } => ({ suite, file, nodeTests: suite.nodeTests })),
  );
  const done: Done[] = [];
  let begun = 0;
  const at = new Set<string>();
  const heartbeat = setInterval(() => console.log(`  … ${[...at].join(", ")}`), 60_000);
  const work = async (queue: (Job & { suite: Suite })[]): Promise<void> => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const { suite, file } = job;
      at.add(file);
      done.push(show({ ...(await runJob(job, { folder: join(place, String(++begun)), programs, output })), suite, file }));
      at.delete(file);
    }
  };
  await work(jobs.filter(({ suite }) => suite.alone));
  const others = jobs.filter(({ suite }) => !suite.alone);
  await Promise.all(Array.from({ length: WORKERS }, () => work(others)));
  clearInterval(heartbeat);
  cleanUp(place, programs);
  for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, end);
  return done;
}

/** @throws {Error} when there are none: a suite that finds no files is a mistake */
function filesOf({ name, files }: Suite): string[] {
  const found = files.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
  if (found.length === 0) throw new Error(`The suite ${name} has no files`);
  return found;
}

function show(done: Done): Done {
  console.log(`\n── ${done.file}\n${done.output}`);
  console.log(`── ${done.failed > 0 ? "✖" : "✔"} ${done.file}: ${counts(done)} (${done.seconds.toFixed(1)} s)`);
  return done;
}

function counts({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** @returns the exit code */
function tell(done: readonly Done[], notInstalled: readonly string[]): number {
  const slowest = done.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
  const list = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
  };
  list(
    "The slowest files",
    slowest.map(({ file, seconds }) => `${seconds.toFixed(0).padStart(4)} s  ${file}`),
  );
  list("Skipped", [...notInstalled, ...done.flatMap(({ skippedNames }) => skippedNames)]);
  list(
    "Suites",
    suites.flatMap((suite) => {
      const own = done.filter((one) => one.suite === suite);
      return own.length === 0 ? [] : `${suite.title}: ${counts(sum(own))}`;
    }),
  );
  list("Left behind", done.flatMap(({ file, left }) => left.slice(0, 3).map((words) => `${file}: ${words}`)).slice(0, 12));
  list(
    "Failed",
    done.flatMap(({ file, failedNames }) => failedNames.map((name) => `${file}: ${name}`)),
  );
  // Whoever sees the end of a long output only sees why.
  for (const one of done.filter(({ failed }) => failed > 0).slice(0, 3)) list(`Of ${one.file}`, reason(one.output));
  const total = sum(done);
  console.log(`\n${counts(total)}`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** The first lines about what failed, or about a hang. */
function reason(said: string): string[] {
  const lines = said.split("\n").map((line) => line.slice(0, 300));
  const beginnings = [/^✖ failing tests:/, /^This has run for /, /^\s*✖/];
  const first = beginnings.map((beginning) => lines.findIndex((line) => beginning.test(line))).find((index) => index >= 0);
  return first === undefined ? lines.slice(-30) : lines.slice(first, first + 30);
}

function sum(all: readonly Count[]): Count {
  const total: Count = { passed: 0, failed: 0, skipped: 0, skippedNames: [], failedNames: [] };
  for (const { passed, failed, skipped } of all) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}
