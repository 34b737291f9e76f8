/** What a build of a Dockerfile sends: answered to the extension, which shows it as a tree. */
import { basename, dirname } from "node:path";
import { alwaysSent } from "./dockerignore/language.ts";
import { ruleTotals } from "./dockerignore/totals.ts";
import { ignoreFileOf } from "./context-files.ts";
import type { ContextFile, Walk } from "./context-files.ts";

export interface ContextTree {
  readonly directory: string;
  /** Where "ignore this" writes. */
  readonly ignoreFile: string;
  readonly sent: readonly ContextFile[];
  /** Paths that are sent whatever the rules say. */
  readonly always: readonly string[];
  readonly leftOut: { readonly files: number; readonly sizeBytes: number };
  /** There are more files than were looked at. */
  readonly cut: boolean;
}

/** @param path of a Dockerfile, or of an ignore file */
export async function contextTree(
  path: string,
  { walk, opened }: { walk: (directory: string) => Promise<Walk>; opened: (path: string) => string | undefined },
): Promise<ContextTree> {
  const isIgnore = basename(path).endsWith(".dockerignore");
  const dockerfile = isIgnore ? path.replace(/\.dockerignore$/, basename(path) === ".dockerignore" ? "Dockerfile" : "") : path;
  const directory = dirname(path);
  const ignore = await ignoreFileOf(dockerfile, opened);
  const walked = await walk(directory);
  const ignoreFile = ignore?.path ?? `${directory}/.dockerignore`;
  const always = [...new Set([...alwaysSent(ignoreFile), basename(dockerfile)])];
  const { sent } = await ruleTotals(ignore?.text ?? "", walked, always);
  const bytes = (files: readonly ContextFile[]): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    directory,
    ignoreFile,
    sent,
    always,
    leftOut: { files: walked.files.length - sent.length, sizeBytes: bytes(walked.files) - bytes(sent) },
    cut: walked.cut,
  };
}
