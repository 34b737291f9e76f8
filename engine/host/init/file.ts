/** The program that `--init` mounts, as a file. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initProgram } from "./program.ts";

/** Path of the program in `directory`, written if it is not there or is another version's. Running containers keep theirs. */
export function initFile(directory: string): string {
  const path = join(directory, "docker-init");
  const program = initProgram();
  if (program.equals(contentOf(path))) return path;
  writeFileSync(`${path}.new`, program, { mode: 0o755 });
  renameSync(`${path}.new`, path);
  return path;
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
