/** Tells our own engine of a build before this command is ready to ask for it, so that both work at the same time. */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { announceDirectory } from "../client/announce.ts";
import { announcementsPath, enginePaths } from "../host/paths.ts";
import { isRemote } from "./build-context.ts";
import type { Cli } from "./cli.ts";
import { findTarget } from "./endpoint.ts";

/** @returns the announcement's id; undefined when nobody hears it, which changes nothing but the time */
export async function announceBuild(cli: Cli, path: string): Promise<string | undefined> {
  if (path === "-" || isRemote(path)) return undefined;
  try {
    const target = await findTarget(cli);
    if (!target.own) return undefined;
    const [fifo, directory] = [announcementsPath(enginePaths(target.root, cli.env)), resolve(cli.cwd, path)];
    const { announced } = cli;
    if (announced?.fifo === fifo && announced.contextDir === realpathSync.native(directory)) return announced.id;
    return announceDirectory(fifo, directory)?.id;
  } catch {
    // What is wrong is said where it matters.
    return undefined;
  }
}
