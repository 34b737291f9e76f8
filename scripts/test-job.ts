/**
 * One file of tests as a process: with a limit, a temporary directory of its own, its evidence when it fails, and nothing
 * of it left afterwards.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { root } from "./setup.mjs";
import { cleanUp } from "./test-leftovers.ts";
import { countLines, openTests, signalGroup, watchable, watchOver } from "./test-watch.ts";
import type { Watched } from "./test-watch.ts";

/** What tests came to. */
export interface Count {
  passed: number;
  failed: number;
  skipped: number;
  skippedNames: string[];
  failedNames: string[];
}

export interface Job {
  /** Path of the file below the clone. */
  readonly file: string;
  /** Tests of Node's own runner; else a program that prints `N passed, N failed, N skipped`, once or for each of its parts. */
  readonly nodeTests: boolean;
}

export interface Place {
  /** An own directory of this job; it is made and removed. */
  readonly folder: string;
  /** Where the programs are that many jobs share. */
  readonly programs: string;
  /** Where pictures and what failed are kept. */
  readonly output: string;
}

export interface Outcome extends Count {
  /** What did not end with the job, in words. */
  readonly left: readonly string[];
  readonly seconds: number;
  readonly output: string;
}

interface Ended {
  readonly exitCode: number;
  readonly said: string;
  /** All its tests had ended, and it was ended because it did not end. */
  readonly lingered: boolean;
}

const running = new Set<ChildProcess>();

/** Ends all jobs, when the whole run is ended. */
export function killJobs(): void {
  for (const child of running) signalGroup(child, "SIGKILL");
}

/** Runs a job to its end. What goes wrong is in the outcome. */
export async function runJob({ file, nodeTests }: Job, { folder, programs, output }: Place): Promise<Outcome> {
  const evidence = join(folder, "evidence");
  mkdirSync(evidence, { recursive: true });
  for (const path of [folder, evidence]) chmodSync(path, 0o1777);
  const counts = join(folder, "counts.json");
  const started = performance.now();
  const env = { TMPDIR: folder, BERTH_TEST_OUTPUT: output, BERTH_TEST_PROGRAMS: programs, BERTH_TEST_EVIDENCE: evidence };
  const ended = await ran(nodeTests ? [...reporters(counts), file] : [file], env, { folder, counts: nodeTests ? counts : "" });
  const seconds = (performance.now() - started) / 1000;
  const count = nodeTests ? writtenCounts(counts, ended.exitCode) : printedCounts(ended.said, ended.exitCode);
  const kept = count.failed > 0 || ended.lingered ? keep(file, { folder, output, said: ended.said }) : "";
  const left = [...(ended.lingered ? ["itself, see its output"] : []), ...cleanUp(folder, programs)];
  const lines = left.map((words) => `${file} left this behind, and it is ended now: ${words}`);
  return { ...count, seconds, left, output: [ended.said.trimEnd(), kept, ...lines].filter(Boolean).join("\n") };
}

function fail(count: Count, name: string): void {
  count.failed++;
  count.failedNames.push(name);
}

function reporters(counts: string): string[] {
  return [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./scripts/count-reporter.mjs",
    `--test-reporter-destination=${counts}`,
  ];
}

/** In a group of its own, so that all of it can be ended. */
async function ran(args: readonly string[], env: NodeJS.ProcessEnv, at: Omit<Watched, "child">): Promise<Ended> {
  const child = spawn(process.execPath, [...watchable(at.folder), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    detached: true,
  });
  running.add(child);
  let said = "";
  const streams = [child.stdout, child.stderr];
  for (const stream of streams) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const closed = Promise.all(streams.map((stream) => once(stream, "close")));
  const watch = watchOver({ child, ...at });
  const [code] = (await once(child, "exit")) as [number | null];
  const cut = watch.stop();
  // What it left running may hold its output open.
  await Promise.race([closed, wait(2000, undefined, { ref: false })]);
  signalGroup(child, "SIGKILL");
  running.delete(child);
  return { exitCode: code ?? 1, said: cut ? `${said}\n${cut.words}\n` : said, lingered: cut?.lingered === true };
}

/** Of the lines of count-reporter.mjs. A file that came to no end failed in what was begun last. */
function writtenCounts(path: string, exitCode: number): Count {
  const count: Count = { passed: 0, failed: 0, skipped: 0, skippedNames: [], failedNames: [] };
  const lines = countLines(path);
  const open = openTests(lines);
  for (const [what, name] of lines) {
    if (what === "passed") count.passed++;
    if (what === "failed") fail(count, name);
    if (what === "skipped") count.skipped = count.skippedNames.push(name);
  }
  if (exitCode !== 0 && count.failed === 0) fail(count, `ended with ${exitCode} ${open.length > 0 ? `in ${open.join(", ")}` : ""}`);
  return count;
}

/** Of its lines `N passed, N failed, N skipped`. */
function printedCounts(said: string, exitCode: number): Count {
  const parts = [...said.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)];
  const sum = (group: number): number => parts.reduce((total, part) => total + Number(part[group] ?? 0), 0);
  const failedNames = [...said.matchAll(/^ +✖ (.*)$/gm)].map(([, name = ""]) => name);
  const count: Count = { passed: sum(1), failed: sum(2), skipped: sum(3), skippedNames: [], failedNames };
  if (parts.length === 0) fail(count, "came to no end");
  if (exitCode !== 0 && count.failed === 0) fail(count, `ended with ${exitCode}`);
  if (count.skipped > 0) count.skippedNames.push(`${count.skipped}, named above`);
  return count;
}

/** What a failed job said and its engines logged. @returns where that is, and the end of each log */
function keep(file: string, { folder, output, said }: { folder: string; output: string; said: string }): string {
  const target = join(output, "failed", basename(file));
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "output.log"), said);
  const told = [`What there is to see is kept in ${target}`];
  for (const log of globSync("{evidence/*.log,{*,*/*}/engine.log}", { cwd: folder })) {
    const name = log.replaceAll("/", "-");
    copyFileSync(join(folder, log), join(target, name));
    const lines = readFileSync(join(target, name), "utf8").trimEnd().split("\n");
    told.push(`The end of ${name}:`, ...lines.slice(-15).map((line) => `  ${line}`));
  }
  return told.join("\n");
}
