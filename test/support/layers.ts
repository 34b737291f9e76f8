/** Snapshots in a directory of their own, and archives written entry by entry, for the tests of layers. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs"; // oxfmt-ignore
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { mountPoints } from "../../engine/host/mount.ts";
import { openSnapshots } from "../../engine/layers/overlay.ts";
import type { Digest, Layer, Snapshots } from "../../engine/layers/snapshots.ts";
import type { TarEntry } from "../../engine/layers/tar-header.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "../../engine/layers/tar-writer.ts";

export const needsRoot = process.getuid!() === 0 ? {} : { skip: "needs root" };

/** Inside a user namespace there are ids that are not mapped one to one. */
export const rootless = !/^\s*0\s+0\s/.test(readFileSync("/proc/self/uid_map", "utf8"));

export async function fresh(t: TestContext): Promise<{ directory: string; open: () => Promise<Snapshots> }> {
  const directory = mkdtempSync(join(tmpdir(), "snapshots-"));
  t.after(() => {
    for (const { target } of mountPoints()) if (target.startsWith(directory)) execFileSync("umount", ["-l", target]);
    rmSync(directory, { recursive: true });
  });
  return { directory, open: () => openSnapshots({ directory, rootless }) };
}

export type Entry = [entry: Partial<TarEntry> & { name: string }, content?: string];

export function tar(entries: Entry[]): Buffer {
  const parts = entries.flatMap(([entry, text = ""]) => {
    const content = Buffer.from(text);
    return [tarHeader({ ...emptyEntry(entry.name), sizeBytes: content.length, ...entry }), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

export function digest(data: Buffer): Digest {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

export function apply(snapshots: Snapshots, archive: Buffer, parent: Digest | null = null): Promise<Layer> {
  return snapshots.apply(Readable.from([archive]), digest(archive), parent);
}

export async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Every file of a tree with what `stat` says of it, one line each. */
export function listing(root: string): string[] {
  const format = "%P %y %m %U %G %s %n %l %T@\\n";
  const lines = execFileSync("find", [".", "-mindepth", "1", "-printf", format], { cwd: root, encoding: "utf8" });
  return lines.split("\n").map((line) => line.replace(/ d (\d+ \S+ \S+) \d+ \d+ /, " d $1 ")).toSorted((a, b) => (a < b ? -1 : 1)); // oxfmt-ignore
}

export const dir = (name: string, more: Partial<TarEntry> = {}): Entry => [{ name: `${name}/`, type: "directory", mode: 0o755, ...more }];
