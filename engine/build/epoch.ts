/** SOURCE_DATE_EPOCH: nothing that a build makes is younger, so that the same sources make the same image, byte for byte. */
import { lstat, lutimes } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshots } from "../layers/snapshots.ts";
import type { BuildRequest } from "./builder.ts";

/** In seconds; undefined when the build was not given one. */
export function epochOf({ buildArgs }: Pick<BuildRequest, "buildArgs">): number | undefined {
  const text = /^\d{1,11}$/.exec(buildArgs["SOURCE_DATE_EPOCH"] ?? "")?.[0];
  return text === undefined ? undefined : Number(text);
}

/** Sets back what a command made. @param snapshot its key, and where it is mounted; nothing runs in it any more */
export async function setBack(
  snapshots: Snapshots,
  snapshot: { key: string; rootfs: string; mountpoints: readonly string[] },
  epoch: number,
): Promise<void> {
  for await (const { path, kind } of snapshots.changes(snapshot.key, { mountpoints: snapshot.mountpoints })) {
    if (kind === "deleted") continue;
    const file = join(snapshot.rootfs, path);
    if ((await lstat(file)).mtimeMs > epoch * 1000) await lutimes(file, epoch, epoch);
  }
}
