/** A build for several platforms: one build for each, all at the same time, and an index over what they make. */
import type { Images } from "../images/images.ts";
import { hostPlatform, parsePlatform, platformText } from "../images/platform.ts";
import { EngineError } from "../errors.ts";
import { attest } from "./attestation.ts";
import { isOn } from "./build-args.ts";
import { StepError } from "./builder.ts";
import type { BuildProgress, BuildRequest, BuildStep, BuiltImage } from "./builder.ts";

export interface PlatformsBuild {
  readonly request: BuildRequest;
  readonly images: Images;
  /** Builds for one platform. */
  readonly build: (request: BuildRequest, progress: (event: BuildProgress) => unknown, signal: AbortSignal) => Promise<BuiltImage>;
  readonly progress: (event: BuildProgress) => unknown;
  readonly signal: AbortSignal;
}

/** One image, or an index also over a single one when BUILDKIT_MULTI_PLATFORM asks for it. @throws {EngineError} like a build; the first failure ends the others */
export async function buildPlatforms({ request, images, build, progress, signal }: PlatformsBuild): Promise<BuiltImage> {
  const asked = (request.platform ?? "").split(",").filter((each) => each !== "");
  const platforms = [...new Set(asked.map((each) => platformText(parsePlatform(each))))];
  if (platforms.length < 2) {
    if (!isOn(request.buildArgs, "BUILDKIT_MULTI_PLATFORM"))
      return attested(await build(request, progress, signal), { request, images, progress });
    if (platforms.length === 0) platforms.push(platformText(hostPlatform()));
  }
  if (request.cacheTo?.some(({ type }) => type !== "inline"))
    throw new EngineError("invalid", "The cache of several platforms cannot be exported at once: export that of one after the other");
  const failure = new AbortController();
  const merged = new MergedProgress(progress);
  const building = platforms.map(async (platform) => {
    try {
      const ends = AbortSignal.any([signal, failure.signal]);
      return await build({ ...request, platform, tags: [] }, merged.of(platform), ends);
    } catch (error) {
      const named = error instanceof StepError ? error.of(stepOf(platform, error.step)) : error;
      failure.abort(named);
      throw named;
    }
  });
  await Promise.allSettled(building);
  if (failure.signal.aborted) throw failure.signal.reason;
  const built = await Promise.all(building);
  const { image, index } = await indexOf(built, { request, images });
  progress({ type: "image", id: image.id, tags: request.tags, index: index.digest });
  return { imageId: image.id, manifest: image.manifest, index: index.digest };
}

/** The image under an index with what attests it, when that was asked for; its names move there. */
async function attested(built: BuiltImage, parts: Pick<PlatformsBuild, "request" | "images" | "progress">): Promise<BuiltImage> {
  if (!built.provenance) return built;
  const { digest } = (await indexOf([built], parts)).index;
  parts.progress({ type: "image", id: built.imageId, tags: parts.request.tags, index: digest });
  return { ...built, index: digest };
}

async function indexOf(
  built: readonly BuiltImage[],
  { request: { tags, names = tags, annotations }, images }: Pick<PlatformsBuild, "request" | "images">,
): ReturnType<Images["createIndex"]> {
  const parts = built.map(async ({ imageId, manifest, provenance }) => {
    if (!provenance) return { id: imageId, manifest };
    const { os, architecture, variant } = (await images.get(imageId)).config;
    const platform = { os, architecture, ...(variant && { variant }) };
    return { id: imageId, manifest, attestation: await attest(images, { manifest, platform, names }, provenance) };
  });
  return images.createIndex(await Promise.all(parts), { names: tags, annotations: annotations?.index });
}

/** The id of a platform's step; ids are parts of paths. */
function stepOf(platform: string, step: string): string {
  return `${platform.replaceAll("/", "-")}.${step}`;
}

/** The steps of several builds as those of one: their ids and names begin with the platform. */
class MergedProgress {
  readonly #progress: (event: BuildProgress) => unknown;
  readonly #plans = new Map<string, readonly BuildStep[]>();
  readonly #warned = new Set<string>();

  constructor(progress: (event: BuildProgress) => unknown) {
    this.#progress = progress;
  }

  of(platform: string): (event: BuildProgress) => unknown {
    const rename = (step: string): string => stepOf(platform, step);
    return (event) => {
      if (event.type === "image" || event.type === "finish") return undefined;
      if (event.type === "warning") return this.#isNew(event) ? this.#progress(event) : undefined;
      if (event.type === "build") return this.#progress(event);
      if (event.type !== "plan") return this.#progress({ ...event, step: rename(event.step) });
      const named = (step: BuildStep): BuildStep => ({
        ...step,
        id: rename(step.id),
        name: step.name.replace(/^\[/, `[${platform} `),
        inputs: step.inputs.map(rename),
      });
      this.#plans.set(platform, event.steps.map(named));
      return this.#progress({ type: "plan", steps: [...this.#plans.values()].flat() });
    };
  }

  /** What is wrong with the Dockerfile is so for each platform. */
  #isNew(warning: BuildProgress): boolean {
    const text = JSON.stringify(warning);
    return !this.#warned.has(text) && this.#warned.add(text) !== undefined;
  }
}
