/** The steps of a build for its provenance: as operations of BuildKit's LLB, with their places in the Dockerfile and their layers. */
import type { Platform } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { CopySource, Operation } from "./operation.ts";
import type { StageLayer } from "./stage-result.ts";
import type { Trail, TrailStep } from "./trail.ts";

interface Described {
  readonly steps: object[];
  readonly source: object;
  /** Descriptors of a step's chain of layers, by the step and its output. */
  readonly layers: Readonly<Record<string, readonly (readonly object[])[]>>;
}

export function describeSteps({ steps }: Trail, dockerfile: { readonly name: string; readonly text: string }): Described {
  const made = new Map(steps.map(({ layers }, index) => [layers.at(-1)?.chainId ?? null, `step${index}:0`]));
  const locations = steps.map(({ step: { instruction } }, index) => {
    const { start, end } = instruction.range;
    return [`step${index}`, { locations: [{ ranges: [{ start: { line: start.line + 1 }, end: { line: end.line + 1 } }] }] }] as const;
  });
  const infos = [{ filename: dockerfile.name, language: "Dockerfile", data: Buffer.from(dockerfile.text).toString("base64") }];
  return {
    steps: steps.map((each, index) => ({ id: `step${index}`, op: operationOf(each), ...inputsOf(each, made) })),
    source: { locations: Object.fromEntries(locations), infos },
    layers: Object.fromEntries(steps.map(({ layers }, index) => [`step${index}:0`, [layers.map(descriptorOf)]])),
  };
}

/** The outputs that it stands on or reads. */
function inputsOf({ reads }: TrailStep, made: ReadonlyMap<Digest | null, string>): { inputs?: string[] } {
  const inputs = [...new Set(reads.flatMap((chainId) => made.get(chainId) ?? []))];
  return inputs.length > 0 ? { inputs } : {};
}

function descriptorOf({ descriptor: { mediaType, digest, size } }: StageLayer): object {
  return { mediaType, digest, size };
}

function operationOf({ operation, platform }: TrailStep): object {
  return { Op: kindOf(operation), platform: platformOf(platform) };
}

function platformOf({ os, architecture, variant }: Platform): object {
  return { Architecture: architecture, OS: os, ...(variant && { Variant: variant }) };
}

function kindOf(operation: Operation): object {
  if (operation.kind === "workdir") return { file: { actions: [{ Action: { mkdir: { path: operation.path, makeParents: true } } }] } };
  if (operation.kind === "copy")
    return {
      file: { actions: operation.sources.map((source) => ({ Action: { copy: { src: nameOf(source), dest: operation.destination } } })) },
    };
  const { args, env, workingDir, user, mounts } = operation;
  const shown = mounts.map(({ mount, target }) => ({ dest: target, mountType: mount.type.toUpperCase(), readonly: mount.readOnly }));
  return { exec: { meta: { args, env, cwd: workingDir || "/", ...(user && { user }) }, mounts: [{ dest: "/" }, ...shown] } };
}

function nameOf(source: CopySource): string {
  if (source.kind === "path") return source.path;
  return source.kind === "inline" ? source.name : source.url;
}
