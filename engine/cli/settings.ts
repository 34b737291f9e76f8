/**
 * The user's settings, shared with docker: `~/.docker/config.json` (or `$DOCKER_CONFIG`).
 * @see https://docs.docker.com/reference/cli/docker/#configuration-files
 */
import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Cli } from "./cli.ts";

/** What is understood of config.json; other settings are kept as they are. */
export interface SettingsFile {
  auths?: Record<string, { auth?: string; identitytoken?: string; registrytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  HttpHeaders?: Record<string, string>;
  psFormat?: string;
  imagesFormat?: string;
  networksFormat?: string;
  volumesFormat?: string;
  statsFormat?: string;
  detachKeys?: string;
  currentContext?: string;
  proxies?: Record<string, Record<string, string>>;
  [setting: string]: unknown;
}

export interface Settings {
  /** Directory of config.json. */
  readonly directory: string;
  readonly file: SettingsFile;
}

/** Directory of the user's settings: `--config`, `DOCKER_CONFIG`, or `~/.docker`. */
export function settingsDirectory(cli: Pick<Cli, "env" | "globals">): string {
  return cli.globals.config || cli.env["DOCKER_CONFIG"] || join(cli.env["HOME"] || homedir(), ".docker");
}

/** Reads the settings; a missing file is empty, a broken one is told and ignored. */
export function readSettings(cli: Cli): Settings {
  const directory = settingsDirectory(cli);
  const path = join(directory, "config.json");
  const text = readText(path);
  try {
    return { directory, file: text.trim() === "" ? {} : (JSON.parse(text) as SettingsFile) };
  } catch (error) {
    cli.complain(`WARNING: Error loading config file: ${path}: ${(error as Error).message}`);
    return { directory, file: {} };
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Writes the settings, readable for the user only, all or nothing. */
export async function writeSettings({ directory, file }: Settings): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "config.json");
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(file, null, "\t")}\n`, { mode: 0o600 });
  await rename(temporary, path);
}
