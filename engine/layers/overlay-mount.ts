/** One overlay mount, by mount(2). */
import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { mount, MS } from "../host/mount.ts";
import { EMPTY } from "./layer-store.ts";

export interface OverlayMount {
  /** The storage directory; the kernel is given paths relative to it, because its page for options holds 4 KiB. */
  directory: string;
  /** Names under `layers/`, topmost first. */
  lower: readonly string[];
  /** Relative directory that has `upper` and `work`; without, the mount is read-only. */
  upper: string | undefined;
  target: string;
  userXattr: boolean;
  volatile: boolean;
}

/** Whether something is mounted on a directory: its device is another one than its parent's. */
export function isMounted(path: string): boolean {
  const own = statSync(path, { throwIfNoEntry: false });
  return own !== undefined && own.dev !== statSync(dirname(path)).dev;
}

/**
 * Mounts layers over each other. The features that would make an upper directory more than the files that changed
 * (redirects, metadata-only copies, indexes) are off: layers are read and moved as they are.
 */
export function mountOverlay({ directory, lower, upper, target, userXattr, volatile }: OverlayMount): void {
  const names = lower.length > 0 ? [...lower] : [EMPTY];
  // A read-only overlay needs two directories.
  if (upper === undefined && names.length === 1) names.push(EMPTY);
  const options = [`lowerdir=${names.map((name) => `layers/${name}`).join(":")}`];
  if (upper !== undefined) options.push(`upperdir=${upper}/upper`, `workdir=${upper}/work`);
  // In a user namespace redirects and metadata-only copies are always off, and saying so is refused.
  options.push("index=off", ...(userXattr ? ["userxattr"] : ["redirect_dir=off", "metacopy=off"]));
  if (volatile && upper !== undefined) {
    // A volatile mount that was not unmounted leaves this mark, so that nobody trusts its content by mistake. We know.
    rmSync(join(directory, upper, "work/work/incompat/volatile"), { recursive: true, force: true });
    options.push("volatile");
  }
  inDirectory(directory, () =>
    mount("overlay", target, "overlay", { flags: upper === undefined ? MS.RDONLY : 0, data: options.join(",") }),
  );
}

/** Nothing else can run meanwhile, and nothing else of the engine uses relative paths. */
function inDirectory(directory: string, work: () => void): void {
  const before = process.cwd();
  process.chdir(directory);
  try {
    work();
  } finally {
    process.chdir(before);
  }
}
