/**
 * Images that take long to build: built once on the Debian base and kept beside it, loaded the next time.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, createReadStream, createWriteStream, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { connect } from "../../engine/client/client.ts";
import { berth } from "./berth.ts";
import type { TestEngine } from "./engine.ts";

export interface KeptImage {
  /** Of the file that keeps it. */
  readonly name: string;
  /** Of the image. */
  readonly tag: string;
  /** The build's context: a Dockerfile that begins with `FROM debian`, and what it copies. */
  readonly files: Readonly<Record<string, string>>;
}

/** Loads the image into the engine, or builds it there from the base's tar. */
export async function loadKeptImage(engine: TestEngine, base: string, image: KeptImage): Promise<void> {
  const hash = createHash("sha256").update(JSON.stringify(image.files)).digest("hex").slice(0, 12);
  const kept = join(dirname(base), `${image.name}-${hash}.tar`);
  const client = connect(engine.socket);
  try {
    if (existsSync(kept)) {
      for await (const _ of client.images.load(createReadStream(kept))) void _;
      return;
    }
    await buildImage(engine, base, image);
    const part = `${kept}.${process.pid}`;
    await pipeline(await client.images.save([image.tag]), createWriteStream(part));
    renameSync(part, kept);
  } finally {
    await client.close();
  }
}

async function buildImage(engine: TestEngine, base: string, { tag, files }: KeptImage): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-kept-"));
  try {
    chmodSync(folder, 0o755);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o644 });
    const imported = await berth(engine, ["import", base, "debian"]);
    assert.equal(imported.exitCode, 0, imported.stderr);
    const built = await berth(engine, ["build", "--progress", "plain", "-t", tag, folder]);
    assert.equal(built.exitCode, 0, built.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
