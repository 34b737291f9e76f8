/**
 * One file of tests as a process: with a limit, a temporary directory of its own, its evidence when it fails, and nothing
 * of it left afterwards.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { root } from "./setup.mjs";
import { cleanUp } from "./test-leftovers.ts";

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
  readonly seconds: number;
  readonly output: string;
}

/** What hangs is cut here: many times what the longest file takes. */
const LIMIT_MINUTES = 20;

const running = new Set<ChildProcess>();

/** Ends all jobs, when the whole run is ended. */
export function killJobs(): void {
  for (const child of running) signal(child, "SIGKILL");
}

/** Runs a job to its end. What goes wrong is in the outcome. */
export async function runJob({ file, nodeTests }: Job, { folder, programs, output }: Place): Promise<Outcome> {
  const evidence = join(folder, "evidence");
  mkdirSync(evidence, { recursive: true });
  for (const path of [folder, evidence]) chmodSync(path, 0o1777);
  const counts = join(folder, "counts.json");
  const started = performance.now();
  const env = { TMPDIR: folder, BERTH_TEST_OUTPUT: output, BERTH_TEST_PROGRAMS: programs, BERTH_TEST_EVIDENCE: evidence };
  const ended = await ran(nodeTests ? [...reporters(counts), file] : [file], env);
  const seconds = (performance.now() - started) / 1000;
  const count = nodeTests ? writtenCounts(counts, ended.exitCode) : printedCounts(ended.said, ended.exitCode);
  const kept = count.failed > 0 ? keep(file, { folder, output, said: ended.said }) : "";
  const left = cleanUp(folder, programs).map((words) => `${file} left this behind, and it is ended now: ${words}`);
  return { ...count, seconds, output: [ended.said.trimEnd(), kept, ...left].filter(Boolean).join("\n") };
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
async function ran(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ exitCode: number; said: string }> {
  const child = spawn(process.execPath, args, {
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
  const limit = setTimeout(() => {
    said += `\nThis has run for ${LIMIT_MINUTES} minutes and is ended. These were at work:\n${membersOf(child.pid!).join("\n")}\n`;
    signal(child, "SIGTERM");
    setTimeout(() => signal(child, "SIGKILL"), 10_000).unref();
  }, LIMIT_MINUTES * 60_000);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(limit);
  // What it left running may hold its output open.
  await Promise.race([closed, wait(2000, undefined, { ref: false })]);
  signal(child, "SIGKILL");
  running.delete(child);
  return { exitCode: code ?? 1, said };
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, name);
  } catch {
    // All of the group have ended.
  }
}

function membersOf(group: number): string[] {
  const { stdout } = spawnSync("ps", ["-e", "-o", "pgid=,pid=,etimes=,args="], { encoding: "utf8" });
  return (stdout ?? "").split("\n").filter((line) => Number.parseInt(line) === group);
}

/** Of the lines of count-reporter.mjs. A file that came to no end failed in what was begun last. */
function writtenCounts(path: string, exitCode: number): Count {
  const count: Count = { passed: 0, failed: 0, skipped: 0, skippedNames: [], failedNames: [] };
  const open: string[] = [];
  for (const line of existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : []) {
    const [what, name] = JSON.parse(line) as ["begun" | "through" | "passed" | "failed" | "skipped", string];
    if (what === "begun") open.push(name);
    else open.splice(open.indexOf(name), 1);
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
