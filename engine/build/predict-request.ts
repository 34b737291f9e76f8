/** A prediction's request as a build's, and its steps as its answer. */
import { readFile, realpath } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import type { BuildDefinition, PredictedStep, PredictRequest, Prediction } from "../api/types/builds.ts";
import { EngineError } from "../errors.ts";
import type { BuildRequest } from "./builder.ts";
import { isFetched } from "./fetched-contexts.ts";

/** @throws {EngineError} invalid when the context is no directory */
export async function toBuildRequest(asked: PredictRequest): Promise<BuildRequest> {
  const contextDir = await contextOf(asked.contextDir);
  const fetched = Object.entries(asked.contexts ?? {}).find(([, value]) => isFetched(value));
  if (fetched) throw new EngineError("invalid", `A prediction fetches nothing, so it cannot tell what ${fetched.join("=")} holds`);
  return { contextDir, dockerfile: await dockerfileOf(asked), ...(await definitionOf(asked)) };
}

/** All but the context and the Dockerfile. @throws {EngineError} invalid */
export async function definitionOf(asked: BuildDefinition): Promise<Omit<BuildRequest, "contextDir" | "dockerfile">> {
  const { target, platform, networkMode, extraHosts, shmSizeBytes } = asked;
  return {
    tags: [],
    buildArgs: asked.buildArgs ?? {},
    labels: asked.labels ?? {},
    noCache: asked.noCache ?? false,
    pull: false,
    ...(target && { target }),
    ...(platform && { platform }),
    ...(networkMode && { networkMode }),
    ...(extraHosts?.length && { extraHosts }),
    ...(shmSizeBytes && { shmSizeBytes }),
    ...(await namedContexts(asked.contexts ?? {})),
  };
}

/** The directory with its links resolved, as builds know it. @throws {EngineError} invalid */
export async function contextOf(path: string): Promise<string> {
  if (!isAbsolute(path)) throw new EngineError("invalid", `The build context ${JSON.stringify(path)} has to be an absolute path`);
  return realpath(path).catch(() => {
    throw new EngineError("invalid", `The build context ${JSON.stringify(path)} is not there`);
  });
}

/** A Dockerfile outside of the context is read here; one inside is the context's own. */
export async function dockerfileOf({
  contextDir,
  dockerfile = "Dockerfile",
  text,
}: Pick<PredictRequest, "contextDir" | "dockerfile" | "text">): Promise<BuildRequest["dockerfile"]> {
  const root = await contextOf(contextDir);
  const real = isAbsolute(dockerfile) ? await realpath(dockerfile).catch(() => dockerfile) : join(root, dockerfile);
  const inside = relative(root, real);
  const isOutside = inside.startsWith("..");
  const name = isOutside ? real : inside;
  if (text !== undefined) return { text, name };
  if (!isOutside) return { path: name };
  const content = await readFile(real, "utf8").catch(() => {
    throw new EngineError("invalid", `Cannot locate specified Dockerfile: ${dockerfile}`);
  });
  return { text: content, name };
}

async function namedContexts(contexts: Readonly<Record<string, string>>): Promise<Pick<BuildRequest, "contexts" | "fetchedContexts">> {
  const found: Record<string, { dir: string } | { image: string }> = {};
  const fetchedContexts: Record<string, string> = {};
  for (const [name, value] of Object.entries(contexts)) {
    const image = /^docker-image:\/\/(.+)$/.exec(value)?.[1];
    if (isFetched(value)) fetchedContexts[name] = value;
    else found[name] = image === undefined ? { dir: await contextOf(value) } : { image };
  }
  return { contexts: found, fetchedContexts };
}

/** @param last what is known of a step's last run */
export function summary(
  about: Pick<Prediction, "contextName" | "dockerfile">,
  steps: readonly Omit<PredictedStep, "lastMs" | "lastBytes">[],
  { last, warnings }: { last: (step: PredictedStep) => Pick<PredictedStep, "lastMs" | "lastBytes">; warnings: Prediction["warnings"] },
): Prediction {
  const known = steps.map((step): PredictedStep => ({ ...step, ...last(step) }));
  const doing = known.filter(({ kind }) => kind === "run" || kind === "copy" || kind === "workdir");
  const count = (outcome: PredictedStep["outcome"]): number => doing.filter((step) => step.outcome === outcome).length;
  const lastMs = doing.reduce((sum, step) => sum + (step.outcome === "cached" ? 0 : (step.lastMs ?? 0)), 0);
  return { ...about, steps: known, cached: count("cached"), runs: count("runs"), unknown: count("unknown"), lastMs, warnings };
}
