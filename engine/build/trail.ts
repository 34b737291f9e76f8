/** What a build used and did, as its provenance tells it. Collected while the build runs. */
import { familiarName, parseReference, withDefaultTag } from "../syntax/reference.ts";
import { platformText } from "../images/platform.ts";
import type { Image, Platform } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Operation } from "./operation.ts";
import type { StageLayer } from "./stage-result.ts";
import type { Step } from "./step-list.ts";

/** Something from outside, with the digest by which it can be told from what else had that name. */
export interface Material {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

export interface TrailStep {
  readonly step: Step;
  readonly operation: Operation;
  /** All layers up to and with the step's own. */
  readonly layers: readonly StageLayer[];
  readonly platform: Platform;
  /** The layers that it stands on and those that it reads, by their last chain id. */
  readonly reads: readonly (Digest | null)[];
}

export class Trail {
  readonly startedMs = Date.now();
  readonly #materials = new Map<string, Material>();
  readonly steps: TrailStep[] = [];

  get materials(): readonly Material[] {
    return [...this.#materials.values()];
  }

  image(reference: string, image: Image, platform: Platform): void {
    const parsed = parseReference(reference);
    if (!("reference" in parsed)) return;
    const { tag, digest } = withDefaultTag(parsed.reference);
    const name = familiarName(parsed.reference);
    const known = image.repoDigests.find((each) => each.startsWith(`${name}@`))?.split("@")[1];
    this.#add({ uri: imageUri({ name, tag, digest }, platform), digest: sha256Of(digest ?? known ?? image.manifest.digest) });
  }

  git(uri: string, commit: string): void {
    this.#add({ uri, digest: { sha1: commit } });
  }

  http(uri: string, digest: string): void {
    this.#add({ uri, digest: sha256Of(digest) });
  }

  #add(material: Material): void {
    this.#materials.set(material.uri, material);
  }
}

function sha256Of(digest: string): { sha256: string } {
  return { sha256: digest.replace("sha256:", "") };
}

/** @see https://github.com/package-url/purl-spec */
export function imageUri(
  { name, tag, digest }: { name: string; tag?: string | undefined; digest?: string | undefined },
  platform: Platform,
): string {
  const version = tag ?? digest;
  const qualifiers = new URLSearchParams({ ...(digest !== undefined && { digest }), platform: platformText(platform) });
  return `pkg:docker/${name}${version === undefined ? "" : `@${encodeURIComponent(version)}`}?${qualifiers.toString()}`;
}
