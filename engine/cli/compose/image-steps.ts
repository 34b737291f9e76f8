/**
 * Getting images on behalf of a compose command: pulling and building, with the user's credentials.
 */
import { isAbsolute, join } from "node:path";
import { Readable } from "node:stream";
import { runDag, withinLimit } from "../../compose/dag.ts";
import { buildSteps } from "../../compose/images.ts";
import type { ImageStep } from "../../compose/images.ts";
import { COMPOSE_VERSION, LABEL } from "../../compose/labels.ts";
import { imageOf } from "../../compose/order.ts";
import type { OnProgress } from "../../compose/progress.ts";
import type { Project } from "../../compose/project.ts";
import { parseReference } from "../../syntax/reference.ts";
import { openContext } from "../build-context.ts";
import { allCredentials } from "../credentials.ts";
import { describeError } from "../errors.ts";
import { throwFailure } from "../progress.ts";
import { pullMessages } from "../pull-image.ts";
import { buildExactly, needsExactBuild } from "./build-exact.ts";
import { platformsOf } from "./build-platforms.ts";
import type { BuildScreen } from "../build-plain.ts";
import type { Compose } from "./compose.ts";

/** Builds at the same time when nothing was said: an engine shares a machine's cores among them. */
const BUILDS = 8;

export interface BuildFlags {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly buildArgs?: readonly string[];
  /** An image for each platform, not only for the one it runs on. */
  readonly allPlatforms?: boolean;
}

/** Carries out image steps: pulls side by side, then builds in order. */
export async function getImages(
  compose: Compose,
  project: Project,
  steps: readonly ImageStep[],
  options: { quietPull?: boolean; quietBuild?: boolean },
): Promise<void> {
  const builds = steps.filter(({ action }) => action === "build").map(({ service }) => service);
  const pulls = steps.filter(({ action }) => action === "pull");
  if (pulls.length > 0)
    await compose.progress("Pulling", (progress) =>
      withinLimit(pulls, compose.parallel || 8, async (step) => {
        try {
          await pullService(compose, project, { ...step, onProgress: progress.event, quiet: options.quietPull ?? false });
        } catch (error) {
          if (compose.signal.aborted || !step.orElse) throw error;
          if (step.orElse === "build") builds.push(step.service);
        }
      }),
    );
  await buildServices(compose, project, builds, { quiet: options.quietBuild ?? false });
}

interface Pull {
  readonly service: string;
  readonly image: string;
  readonly onProgress: OnProgress;
  readonly quiet: boolean;
}

/** Pulls one service's image. @throws {Error} in the engine's words */
export async function pullService(compose: Compose, project: Project, { service, image, onProgress, quiet }: Pull): Promise<void> {
  onProgress({ id: service, text: "Pulling", status: "", state: "working" });
  if (compose.dryRun) return onProgress({ id: service, text: "Pulled", status: "", state: "done" });
  try {
    const parsed = parseReference(image);
    if (!("reference" in parsed)) throw new Error(`invalid reference format: ${image}`);
    const platform = project.services[service]?.platform ?? project.environment["DOCKER_DEFAULT_PLATFORM"];
    for await (const message of pullMessages(compose.cli, parsed.reference, { platform })) {
      throwFailure(message);
      if (quiet || !message.id || !message.progressDetail) continue;
      const { current, total } = message.progressDetail;
      const done = message.status === "Pull complete" || message.status === "Already exists";
      onProgress({
        id: `${service} ${message.id}`,
        parent: service,
        status: message.status ?? "",
        state: done ? "done" : "working",
        current: current ?? 0,
        total: total ?? 0,
      });
    }
  } catch (error) {
    onProgress({ id: service, text: "Error", status: error instanceof Error ? error.message : String(error), state: "error" });
    throw error;
  }
  onProgress({ id: service, text: "Pulled", status: "", state: "done" });
}

/**
 * Builds services' images side by side, those first that others are built from.
 * @throws {Error} the first failure, which lets no other build begin
 */
export async function buildServices(compose: Compose, project: Project, names: readonly string[], flags: BuildFlags): Promise<void> {
  if (names.length === 0) return;
  const { cli } = compose;
  const { openBuildScreen, screenOf } = await import("../show-build.ts");
  const many = names.length > 1;
  // An exact build draws itself, by lines when others draw beside it.
  const isExact = (name: string): boolean =>
    needsExactBuild(project.services[name]?.build ?? {}) || platformsOf(project, name, { all: flags.allPlatforms ?? false }).length > 1;
  const exact = many && names.some(isExact);
  const tty = cli.stderr.isTTY && compose.ansi !== "never" && !exact;
  const screen = await openBuildScreen(cli, flags.quiet || compose.dryRun ? "quiet-build" : tty ? "tty" : "plain");
  const built: string[] = [];
  try {
    await runDag(
      buildSteps(project, names),
      async ({ id: name }, signal) => {
        if (!compose.dryRun)
          await buildService(compose, project, { name, flags, signal, screen: many ? screenOf(screen, name) : screen, many });
        built.push(name);
      },
      { parallel: compose.parallel || BUILDS, signal: compose.signal },
    );
  } finally {
    screen.close();
    if (compose.dryRun || !flags.quiet)
      for (const name of built) cli.complain(`${compose.dryRun ? " DRY-RUN MODE - " : ""} ${imageOf(project, name)}  Built`);
  }
}

interface Building {
  readonly name: string;
  readonly flags: BuildFlags;
  readonly signal: AbortSignal;
  readonly screen: Pick<BuildScreen, "show">;
  readonly many: boolean;
}

async function buildService(compose: Compose, project: Project, { name, flags, signal, screen, many }: Building): Promise<void> {
  const { cli } = compose;
  const build = project.services[name]?.build ?? {};
  const directory = build.context ?? project.workingDir;
  const inline = build.dockerfile_inline;
  const platforms = platformsOf(project, name, { all: flags.allPlatforms ?? false });
  if (needsExactBuild(build) || platforms.length > 1) {
    const file = inline === undefined ? dockerfilePath(directory, build.dockerfile) : "";
    return buildExactly(compose, project, { name, file, args: flags.buildArgs ?? [], platforms, flags, lines: many });
  }
  const from = inline === undefined ? cli : { cwd: cli.cwd, stdin: Readable.from([Buffer.from(inline)]) };
  const file = inline === undefined ? dockerfilePath(directory, build.dockerfile) : "-";
  const context = await openContext(from, directory, file);
  const client = await compose.client();
  const args = Object.fromEntries(
    (flags.buildArgs ?? []).map((text) =>
      text.includes("=") ? [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] : [text, cli.env[text] ?? null],
    ),
  );
  const messages = client.builds.build({
    ...(context.tar ? { context: context.tar } : {}),
    remote: context.remote,
    dockerfile: context.dockerfile,
    tags: [imageOf(project, name), ...(build.tags ?? [])],
    target: build.target,
    buildArgs: { ...build.args, ...args },
    labels: { ...build.labels, [LABEL.project]: project.name, [LABEL.service]: name, [LABEL.version]: COMPOSE_VERSION },
    noCache: flags.noCache || build.no_cache || false,
    pull: flags.pull || build.pull || false,
    platform: platforms[0],
    networkMode: build.network,
    extraHosts: (build.extra_hosts ?? []).map((text) => text.replace("=", ":")),
    shmSizeBytes: build.shm_size === undefined ? undefined : Number(build.shm_size),
    cacheFrom: build.cache_from ?? [],
    auth: await allCredentials(cli),
    exactProgress: !flags.quiet,
    signal,
  });
  const { showBuild } = await import("../show-build.ts");
  try {
    await showBuild(cli, messages, screen);
  } catch (error) {
    throw new Error(`failed to build service ${name}: ${describeError(error)}`, { cause: error });
  }
}

/** Relative to the context, which may be a URL; an absolute one stays. */
function dockerfilePath(context: string, file: string | undefined): string {
  if (!file || /^(https?:|git)/.test(context)) return file ?? "";
  return isAbsolute(file) ? file : join(context, file);
}
