/** Deleting what is small at once, where a way to a worker would cost more than the work. */
import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { closeDescriptor, O, openDescriptor } from "../host/descriptor.ts";
import { toPath } from "./names.ts";

interface Budget {
  entries: number;
  bytes: number;
}

/** Two milliseconds' work, and no file that takes long by itself. */
const MOST: Readonly<Budget> = { entries: 100, bytes: 4 << 20 };

/**
 * Deletes a directory with all that is in it if that is little. No link is followed, whoever exchanges directories meanwhile.
 * @returns false when it is too much; part of it is gone by then
 */
export function removeSmallTree(path: string): boolean {
  if (!emptied(path, { ...MOST })) return false;
  rmdirSync(path);
  return true;
}

function emptied(path: string | Buffer, budget: Budget): boolean {
  const descriptor = openDescriptor(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
  try {
    const here = `/proc/self/fd/${descriptor}`;
    for (const entry of readdirSync(here, { withFileTypes: true, encoding: "latin1" })) {
      const child = toPath(`${here}/${entry.name}`);
      if ((budget.entries -= 1) < 0) return false;
      if (entry.isDirectory()) {
        if (!emptied(child, budget)) return false;
        rmdirSync(child);
      } else {
        if ((budget.bytes -= lstatSync(child).size) < 0) return false;
        unlinkSync(child);
      }
    }
    return true;
  } finally {
    closeDescriptor(descriptor);
  }
}
