/**
 * The real buildx and compose for docker's command. BERTH_TEST_CLI_PLUGINS names a directory with docker-buildx and
 * docker-compose; else those that docker finds itself are used.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../engine/host/programs.ts";

const plugins = process.env["BERTH_TEST_CLI_PLUGINS"];

/** A docker configuration of its own, with the plugins in it when they are named: for DOCKER_CONFIG. */
export const DOCKER_CONFIG = configuration();

function configuration(): string {
  const folder = mkdtempSync(join(tmpdir(), "berth-buildx-config-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  if (plugins !== undefined) cpSync(plugins, join(folder, "cli-plugins"), { recursive: true, dereference: true });
  return folder;
}

/** Why docker's plugin cannot be used here, for a test's `skip`; false when it can. */
export function cannotHave(plugin: string): string | false {
  if (findProgram("docker") === undefined) return "the docker command is not installed";
  const { stdout } = spawnSync("docker", [plugin, "version"], { env: { ...process.env, DOCKER_CONFIG }, encoding: "utf8" });
  return !/\d+\.\d+\.\d+/.test(stdout) && `docker's plugin ${plugin} is not installed`;
}
