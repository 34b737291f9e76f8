/** A builder with an image `busybox`, and what tests ask of its builds. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after } from "node:test";
import type { BuildProgress, BuildRequest } from "../../engine/build/builder.ts";
import type { Image } from "../../engine/images/images.ts";
import { topLayer } from "../../engine/images/images.ts";
import { openBuildRooms } from "./build-rooms.ts";
import type { BuildRooms } from "./build-rooms.ts";
import { findBusybox, makeBusyboxRoot } from "./busybox.ts";

/** Why builds cannot run here, or false. */
export const cannotBuild = process.getuid!() !== 0 ? "needs root" : findBusybox() ? false : "needs busybox-static";

let base: Buffer | undefined;

/** One and the same for all builders of a process. */
async function baseTar(): Promise<Buffer> {
  if (base) return base;
  const root = mkdtempSync(join(tmpdir(), "berth-busybox-"));
  await makeBusyboxRoot(root);
  base = execFileSync("tar", ["--numeric-owner", "-C", root, "-c", "."], { maxBuffer: 1 << 28 });
  rmSync(root, { recursive: true });
  return base;
}

export async function openBusyboxBuilds(): Promise<BuildRooms> {
  const rooms = await openBuildRooms();
  const changes = ["ENV PATH=/bin", 'CMD ["sh"]'];
  await rooms.images.importTar(Readable.from([await baseTar()]), { reference: "busybox", changes, message: "base" });
  return rooms;
}

/** A builder for a file's tests, closed after them. Where builds cannot run it is none, and the tests are skipped. */
export async function fileRooms(): Promise<BuildRooms> {
  if (cannotBuild !== false) return {} as BuildRooms;
  const rooms = await openBusyboxBuilds();
  after(() => rooms.close());
  return rooms;
}

/** Lets `look` see the root file system of an image. */
export async function within<T>({ snapshots }: BuildRooms, image: Image, look: (root: string) => T): Promise<T> {
  const root = await snapshots.view("look", topLayer(image)!);
  try {
    return look(root);
  } finally {
    await snapshots.remove("look");
  }
}

/** How each step ended, by its instruction: `cached`, or why it ran, or its error. */
export function ended(events: readonly BuildProgress[]): Record<string, string> {
  const plan = new Map(
    events.flatMap((event) => (event.type === "plan" ? event.steps.map((step) => [step.id, step.instruction] as const) : [])),
  );
  return Object.fromEntries(
    events.flatMap((event) =>
      event.type === "end" ? [[plan.get(event.step)!, event.error ?? (event.cached ? "cached" : (event.reason ?? "ran"))]] : [],
    ),
  );
}

/** All that steps printed. */
export function logs(events: readonly BuildProgress[]): string {
  return events.map((event) => (event.type === "log" ? event.data : "")).join("");
}

/** The error of a build that has to fail. */
export async function failing(rooms: BuildRooms, contextDir: string, options: Partial<BuildRequest> = {}): Promise<Error> {
  return rooms.build(contextDir, options).then(
    () => assert.fail("the build succeeded"),
    (error: unknown) => error as Error,
  );
}

/** Builds once more: what ran and why, by instruction; what only changes the configuration does not count. */
export async function again(rooms: BuildRooms, context: string, options: Partial<BuildRequest> = {}): Promise<Record<string, string>> {
  const { events } = await rooms.build(context, options);
  const settings = new Set(
    events
      .flatMap((event) => (event.type === "plan" ? event.steps.filter((step) => step.kind === "config" || step.kind === "arg") : []))
      .map((step) => step.instruction),
  );
  return Object.fromEntries(Object.entries(ended(events)).filter(([instruction, end]) => end !== "cached" && !settings.has(instruction)));
}
