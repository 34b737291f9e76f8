/**
 * The suites of `npm test`, one after another: each is a process, each is counted, none can be forgotten silently.
 */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { command, enginePackages, installSystemPackages, isRoot, root, step } from "./setup.mjs";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
  skippedNames: string[];
}

interface Suite {
  readonly name: string;
  readonly title: string;
  readonly run: () => Promise<Count>;
}

const output = join(root, "test-output");

const suites: Suite[] = [
  {
    name: "unit",
    title: "Unit tests",
    run: () => nodeTests("unit", ["engine/**/*.test.ts", "src/**/*.test.ts", "scripts/**/*.test.ts"], 2),
  },
  { name: "engine", title: "Engine, as root and as an unprivileged user", run: () => nodeTests("engine", ["test/engine/**/*.test.ts"], 1) },
  { name: "conformance", title: "Real clients", run: () => nodeTests("conformance", ["test/conformance/**/*.test.ts"], 1) },
  { name: "inhost", title: "Extension in the extension host", run: () => program("inhost", "test/extension/run-inhost.ts") },
  { name: "ui", title: "Extension in VS Code, in Chromium", run: () => program("ui", "test/extension/run-ui.ts") },
  { name: "language", title: "Dockerfiles and compose files in VS Code", run: () => program("language", "test/extension/run-language.ts") },
];

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
  const missing = await installSystemPackages([...enginePackages, ...testPackages]);
  if (isRoot) openTun();
  await step("Build Berth", () => command([process.execPath, "scripts/build.ts"]));
  mkdirSync(output, { recursive: true });
  const chosen = suites.filter(({ name }) => only.length === 0 || only.includes(name));
  const total: Count = { passed: 0, failed: 0, skipped: 0, skippedNames: missing.map(({ package: name }) => `not installed: ${name}`) };
  for (const suite of chosen) add(total, await timed(suite));
  if (total.skippedNames.length > 0) console.log(`\nSkipped:\n${total.skippedNames.map((name) => `  ${name}`).join("\n")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** Distributions ship /dev/net/tun readable for all (udev's rule); a bare machine may not have run udev. */
function openTun(): void {
  if (existsSync("/dev/net/tun")) chmodSync("/dev/net/tun", 0o666);
}

async function timed(suite: Suite): Promise<Count> {
  console.log(`\n── ${suite.title}`);
  const started = performance.now();
  const count = await suite.run();
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`── ${suite.title}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)`);
  return count;
}

function add(total: Count, count: Count): void {
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  total.skippedNames.push(...count.skippedNames);
}

/** Node's own runner; the counts come from a reporter beside the printed one, so a crash of a file is a failure. */
async function nodeTests(name: string, patterns: string[], concurrency: number): Promise<Count> {
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: root }));
  if (files.length === 0) return { passed: 0, failed: 1, skipped: 0, skippedNames: [] };
  const counts = join(output, `${name}.json`);
  rmSync(counts, { force: true });
  const exitCode = await inherit([
    "--test",
    `--test-concurrency=${concurrency}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./scripts/count-reporter.mjs",
    `--test-reporter-destination=${counts}`,
    ...files.toSorted(),
  ]);
  const count = existsSync(counts)
    ? (JSON.parse(readFileSync(counts, "utf8")) as Count)
    : { passed: 0, failed: 1, skipped: 0, skippedNames: [] };
  if (exitCode !== 0 && count.failed === 0) count.failed = 1;
  return count;
}

/** A program that prints its own `N passed, N failed, N skipped`, once or for each of its parts. */
async function program(name: string, file: string): Promise<Count> {
  if (!existsSync(join(root, file))) return { passed: 0, failed: 1, skipped: 0, skippedNames: [] };
  let text = "";
  const exitCode = await inherit([file], (chunk) => (text = (text + chunk).slice(-100_000)));
  const parts = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)];
  const sum = (group: number): number => parts.reduce((total, part) => total + Number(part[group] ?? 0), 0);
  const count: Count = { passed: sum(1), failed: parts.length === 0 ? 1 : sum(2), skipped: sum(3), skippedNames: [] };
  if (exitCode !== 0 && count.failed === 0) count.failed = 1;
  if (count.skipped > 0) count.skippedNames.push(`${count.skipped} in ${name}, named above`);
  return count;
}

function inherit(args: string[], tap?: (chunk: string) => void): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", tap ? "pipe" : "inherit", "inherit"],
      env: { ...process.env, BERTH_TEST_OUTPUT: output },
    });
    child.stdout?.on("data", (data: Buffer) => {
      process.stdout.write(data);
      tap?.(data.toString());
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
