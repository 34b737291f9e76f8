/**
 * Builds with what the classic request has no words for (secrets, agents, more contexts): by `berth build`, which knows how to
 * ask for them, and says when an engine cannot.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPOSE_VERSION, LABEL } from "../../compose/labels.ts";
import { imageOf } from "../../compose/order.ts";
import type { Project } from "../../compose/project.ts";
import type { BuildConfig } from "../../compose/service.ts";
import { build as buildCommand } from "../commands/build.ts";
import type { Compose } from "./compose.ts";
import { flagDefaults } from "./find.ts";
import type { BuildFlags } from "./image-steps.ts";

/** Whether a build section needs more than the classic request. */
export function needsExactBuild(build: BuildConfig): boolean {
  const { secrets, ssh, additional_contexts: contexts, cache_to: cacheTo, entitlements } = build;
  return [secrets, cacheTo, entitlements].some((list) => (list ?? []).length > 0) || Object.keys({ ...ssh, ...contexts }).length > 0;
}

/** Builds one service. @param wish.file path of the Dockerfile, empty for the context's own; wish.lines shows lines, also on a terminal */
export async function buildExactly(
  compose: Compose,
  project: Project,
  wish: { name: string; file: string; args: readonly string[]; platforms: string[]; flags: BuildFlags; lines: boolean },
): Promise<void> {
  const { name, flags } = wish;
  const build = project.services[name]?.build ?? {};
  const labels = { ...build.labels, [LABEL.project]: project.name, [LABEL.service]: name, [LABEL.version]: COMPOSE_VERSION };
  const folder = build.dockerfile_inline === undefined ? undefined : await mkdtemp(join(tmpdir(), "berth-dockerfile-"));
  try {
    if (folder) await writeFile(join(folder, "Dockerfile"), build.dockerfile_inline ?? "");
    const given = {
      tag: [imageOf(project, name), ...(build.tags ?? [])],
      file: folder ? join(folder, "Dockerfile") : wish.file,
      "build-arg": [...Object.entries(build.args ?? {}).map(([key, value]) => (value === null ? key : `${key}=${value}`)), ...wish.args],
      label: Object.entries(labels).map(([key, value]) => `${key}=${value}`),
      target: build.target ?? "",
      "no-cache": flags.noCache || build.no_cache || false,
      pull: flags.pull || build.pull || false,
      ...(flags.quiet ? { progress: "none" } : wish.lines ? { progress: "plain" } : {}),
      network: build.network ?? "default",
      platform: wish.platforms,
      "add-host": (build.extra_hosts ?? []).map((text) => text.replace("=", ":")),
      "cache-from": build.cache_from ?? [],
      "cache-to": build.cache_to ?? [],
      allow: build.entitlements ?? [],
      secret: (build.secrets ?? []).map(({ source, target }) => secretText(project, source, target)),
      ssh: Object.entries(build.ssh ?? {}).map(([id, path]) => (path ? `${id}=${path}` : id)),
      "build-context": Object.entries(build.additional_contexts ?? {}).map(([key, value]) => `${key}=${contextText(project, value)}`),
      ...(build.shm_size === undefined ? {} : { "shm-size": Number(build.shm_size) }),
    };
    await buildCommand.run(compose.cli, {
      args: [build.context ?? project.workingDir],
      flags: { ...flagDefaults(buildCommand.flags), ...given },
      given: new Set(Object.keys(given)),
      path: "berth build",
    });
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

function secretText(project: Project, source: string, target: string | undefined): string {
  const secret = project.secrets[source];
  const id = `id=${(target ?? source).replace(/^\/run\/secrets\//, "")}`;
  return secret?.environment === undefined ? `${id},src=${secret?.file ?? ""}` : `${id},env=${secret.environment}`;
}

/** Another service's image is a context by its name. */
function contextText(project: Project, value: string): string {
  return value.startsWith("service:") ? `docker-image://${imageOf(project, value.slice("service:".length))}` : value;
}
