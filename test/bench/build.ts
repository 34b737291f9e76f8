/**
 * The builder alone: a 10-step build of 5,000 files (50 MB), fully cached, with one file changed, and cold; the context
 * once as a directory and once as the tar that the API receives. Needs root. Prints milliseconds.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { receiveContext } from "../../engine/build/tar-tree.ts";
import { makeBusyboxRoot } from "../support/busybox.ts";
import { openBuildRooms } from "../support/build-rooms.ts";
import type { BuildRooms } from "../support/build-rooms.ts";

const FILES = 5000;
const FILE_BYTES = 10_000;
const ROUNDS = 5;

export const dockerfile = [
  "FROM busybox",
  "WORKDIR /app",
  "RUN echo one > /one",
  "COPY package.json ./",
  "RUN echo two > /two",
  "COPY . .",
  "RUN echo three > /three",
  "RUN echo four > /four",
  "ENV MODE=production",
  'CMD ["sh"]',
].join("\n");

export interface BuildTimes {
  readonly coldMs: number;
  readonly cachedMs: number;
  readonly changedMs: number;
}

/** Medians of a few rounds. */
export async function benchBuild(kind: "directory" | "tar"): Promise<BuildTimes> {
  const rooms = await openBuildRooms();
  try {
    await addBusybox(rooms);
    const context = makeContext(rooms);
    const cold = await timed(rooms, context, kind);
    // Digests of files that changed just now are not remembered; as they would not be in a real checkout after two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await timed(rooms, context, kind);
    const cached: number[] = [];
    const changed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      cached.push(await timed(rooms, context, kind));
      writeFileSync(join(context, "d7/f77"), `changed ${round}`);
      changed.push(await timed(rooms, context, kind));
    }
    return { coldMs: cold, cachedMs: median(cached), changedMs: median(changed) };
  } finally {
    await rooms.close();
  }
}

async function addBusybox(rooms: BuildRooms): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "berth-bench-"));
  await makeBusyboxRoot(root);
  const tar = execFileSync("tar", ["--numeric-owner", "-C", root, "-c", "."], { maxBuffer: 1 << 28 });
  rmSync(root, { recursive: true });
  await rooms.images.importTar(Readable.from([tar]), { reference: "busybox", changes: ["ENV PATH=/bin"], message: "base" });
}

function makeContext(rooms: BuildRooms): string {
  const context = rooms.context({ Dockerfile: dockerfile, "package.json": "{}" });
  fillContext(context);
  return context;
}

/** The many files. */
export function fillContext(context: string): void {
  for (let index = 0; index < FILES; index++) {
    if (index % 100 === 0) mkdirSync(join(context, `d${index / 100}`));
    writeFileSync(join(context, `d${Math.floor(index / 100)}/f${index % 100}`), Buffer.alloc(FILE_BYTES, `${index} `));
  }
}

let received = 0;

async function timed(rooms: BuildRooms, context: string, kind: "directory" | "tar"): Promise<number> {
  const start = performance.now();
  const contextDir =
    kind === "directory"
      ? context
      : await receiveContext(spawn("tar", ["-C", context, "-c", "."]).stdout, join(rooms.directory, `received-${received++}`));
  await rooms.build(contextDir, { contextName: "bench" });
  const elapsed = performance.now() - start;
  if (contextDir !== context) rmSync(dirname(contextDir), { recursive: true });
  return elapsed;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

if (import.meta.main) {
  for (const kind of ["directory", "tar"] as const) {
    const { coldMs, cachedMs, changedMs } = await benchBuild(kind);
    console.log(`${kind}: cold ${coldMs.toFixed(0)} ms, cached ${cachedMs.toFixed(0)} ms, one file changed ${changedMs.toFixed(0)} ms`);
  }
}
