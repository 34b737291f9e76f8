/**
 * SLSA provenance of a build, in BuildKit's shape.
 * @see https://github.com/moby/buildkit/blob/v0.25.0/docs/attestations/slsa-definitions.md
 */
import { hostPlatform, platformText } from "../images/platform.ts";
import type { BuildRequest } from "./builder.ts";
import type { ProvenanceOptions } from "./provenance-options.ts";
import { describeSteps } from "./provenance-steps.ts";
import type { Trail } from "./trail.ts";

/** What a build tells of itself: a predicate of an in-toto statement. */
export interface Predicate {
  readonly type: string;
  readonly predicate: object;
}

export interface ProvenanceParts {
  readonly request: BuildRequest;
  readonly options: ProvenanceOptions;
  readonly trail: Trail;
  readonly buildId: string;
  readonly dockerfile: { readonly name: string; readonly text: string };
}

export function provenanceOf(parts: ProvenanceParts): Predicate {
  const { version } = parts.options;
  return { type: `https://slsa.dev/provenance/${version}`, predicate: version === "v1" ? version1(parts) : version02(parts) };
}

function version02(parts: ProvenanceParts): object {
  const { options, buildId } = parts;
  const { startedOn, finishedOn } = times(parts);
  const { steps, metadata } = details(parts);
  const { digest, uri } = parts.request.remote ?? {};
  const own = "https://mobyproject.org/buildkit@v1";
  return {
    builder: { id: options.builderId },
    buildType: own,
    materials: materialsOf(parts),
    invocation: {
      configSource: { ...(uri !== undefined && { uri }), ...(digest && { digest }), entryPoint: parts.dockerfile.name },
      parameters: parametersOf(parts),
      environment: { platform: platformText(hostPlatform()) },
    },
    ...(steps && { buildConfig: { llbDefinition: steps } }),
    metadata: {
      buildInvocationID: buildId,
      buildStartedOn: startedOn,
      buildFinishedOn: finishedOn,
      completeness: { parameters: hasAllParameters(parts), environment: true, materials: isTracked(parts) },
      reproducible: options.reproducible,
      ...(isHermetic(parts) && { [`${own}#hermetic`]: true }),
      [`${own}#metadata`]: metadata,
    },
  };
}

function version1(parts: ProvenanceParts): object {
  const { options, buildId } = parts;
  const { steps, metadata } = details(parts);
  const { digest, uri } = parts.request.remote ?? {};
  return {
    buildDefinition: {
      buildType: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
      externalParameters: {
        configSource: { ...(uri !== undefined && { uri }), ...(digest && { digest }), path: parts.dockerfile.name },
        request: parametersOf(parts),
      },
      internalParameters: { builderPlatform: platformText(hostPlatform()), ...(steps && { buildConfig: { llbDefinition: steps } }) },
      resolvedDependencies: materialsOf(parts),
    },
    runDetails: {
      builder: { id: options.builderId },
      metadata: {
        invocationId: buildId,
        ...times(parts),
        ...(isHermetic(parts) && { buildkit_hermetic: true }),
        buildkit_reproducible: options.reproducible,
        buildkit_completeness: { request: hasAllParameters(parts), resolvedDependencies: isTracked(parts) },
        buildkit_metadata: metadata,
      },
    },
  };
}

function times({ trail }: ProvenanceParts): { startedOn: string; finishedOn: string } {
  return { startedOn: new Date(trail.startedMs).toISOString(), finishedOn: new Date().toISOString() };
}

/** Whatever came from outside, a context that was fetched included. */
function materialsOf({ request, trail }: ProvenanceParts): readonly object[] {
  const { digest, uri } = request.remote ?? {};
  return [...trail.materials, ...(digest ? [{ uri, digest }] : [])];
}

/** Files of a client's directory have no name by which anybody could get them again. */
function isTracked({ request }: ProvenanceParts): boolean {
  return request.remote?.digest !== undefined && Object.values(request.contexts ?? {}).every((context) => "image" in context);
}

function isHermetic(parts: ProvenanceParts): boolean {
  const networks = parts.trail.steps.map(({ operation }) =>
    operation.kind === "run" ? (operation.network ?? parts.request.networkMode ?? "default") : "none",
  );
  return isTracked(parts) && networks.every((network) => network === "none");
}

/** Options of the frontend that say where and how a build runs, and not what is built; or are told elsewhere. */
const ELSEWHERE = /^(?:cgroup-parent|image-resolve-mode|platform|cache-imports|context|filename|(?:attest|vcs|local-sessionid):.*)$/;
const SECRETIVE = /^(?:build-arg|label):/;

function attributesOf({ request }: ProvenanceParts): [string, string][] {
  const { buildArgs, labels, target, noCache, networkMode } = request;
  const own = Object.entries({
    ...Object.fromEntries(Object.entries(buildArgs).map(([name, value]) => [`build-arg:${name}`, value])),
    ...Object.fromEntries(Object.entries(labels).map(([name, value]) => [`label:${name}`, value])),
    target,
    "no-cache": noCache ? "" : undefined,
    "force-network-mode": networkMode,
  }).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as [string, string]] : []));
  return request.asked ? Object.entries(request.asked.frontendAttrs) : own;
}

function hasAllParameters(parts: ProvenanceParts): boolean {
  return parts.options.mode === "max" || attributesOf(parts).every(([name]) => !SECRETIVE.test(name));
}

function parametersOf(parts: ProvenanceParts): object {
  const isMax = parts.options.mode === "max";
  const args = attributesOf(parts).filter(([name]) => !ELSEWHERE.test(name) && (isMax || !SECRETIVE.test(name)));
  const [secrets, ssh] = isMax ? [mounted(parts.trail, "secret"), mounted(parts.trail, "ssh")] : [[], []];
  return {
    frontend: "dockerfile.v0",
    args: Object.fromEntries(args),
    ...(secrets.length > 0 && { secrets }),
    ...(ssh.length > 0 && { ssh }),
    ...(parts.request.remote === undefined && { locals: [{ name: "context" }, { name: "dockerfile" }] }),
  };
}

/** Ids of secrets or agents that commands were given. */
function mounted({ steps }: Trail, type: "secret" | "ssh"): { id: string; optional?: true }[] {
  const mounts = steps.flatMap(({ operation }) => (operation.kind === "run" ? operation.mounts : []));
  const found = mounts.filter(({ mount }) => mount.type === type);
  const ids = new Map(
    found.map(({ mount, target }) => [
      mount.id ?? (type === "ssh" ? "default" : (mount.source ?? target.split("/").at(-1)!)),
      mount.required,
    ]),
  );
  return [...ids].map(([id, required]) => (required ? { id } : { id, optional: true }));
}

function details(parts: ProvenanceParts): { steps?: object[]; metadata: object } {
  const named = attributesOf(parts).flatMap(([name, value]) => (name.startsWith("vcs:") && value ? [[name.slice(4), value] as const] : []));
  const vcs = named.length > 0 ? { vcs: Object.fromEntries(named) } : {};
  if (parts.options.mode === "min") return { metadata: vcs };
  const { steps, source, layers } = describeSteps(parts.trail, parts.dockerfile);
  return { steps, metadata: { ...vcs, source, layers } };
}
