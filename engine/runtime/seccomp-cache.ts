/**
 * Compiled seccomp filters. crun compiles a profile for every container, which is half of the time a start takes; given
 * the compiled filter it does not. The first container with a profile leaves its filter here for the others.
 * @see https://github.com/containers/crun/blob/1.8.1/crun.1.md run.oci.seccomp_bpf_data
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../host/files.ts";
import type { RuntimeSpec } from "./spec.ts";

const ANNOTATION = "run.oci.seccomp_bpf_data";

type Profile = NonNullable<RuntimeSpec["linux"]["seccomp"]>;

export class SeccompCache {
  readonly #directory: string;
  readonly #version: string;
  /** By profile: the same object means the same profile. */
  readonly #keys = new WeakMap<Profile, string>();
  readonly #filters = new Map<string, string | undefined>();

  /** @param options.version of the runtime that compiles */
  constructor(options: { directory: string; version: string }) {
    this.#directory = options.directory;
    this.#version = options.version;
  }

  /** The spec with its filter, if it is known. The profile stays, for a runtime that does not look at the annotation. */
  withFilter(spec: RuntimeSpec): RuntimeSpec {
    const { seccomp } = spec.linux;
    const filter = seccomp && this.#filter(this.#keyOf(seccomp));
    return filter ? { ...spec, annotations: { ...spec.annotations, [ANNOTATION]: filter } } : spec;
  }

  /** Keeps the filter that the runtime wrote for a container of this spec. */
  async learn(spec: RuntimeSpec, filterPath: string): Promise<void> {
    const { seccomp } = spec.linux;
    if (!seccomp || this.#filter(this.#keyOf(seccomp))) return;
    // The container may have ended by now, and its files gone with it: then the next one teaches.
    const filter = await readFile(filterPath).catch(() => undefined);
    // A filter is a list of instructions of eight bytes.
    if (!filter || filter.length === 0 || filter.length % 8 !== 0) return;
    const key = this.#keyOf(seccomp);
    await writeFileAtomic(join(this.#directory, key), filter);
    this.#filters.set(key, filter.toString("base64"));
  }

  #filter(key: string): string | undefined {
    if (!this.#filters.has(key)) this.#filters.set(key, readBase64(join(this.#directory, key)));
    return this.#filters.get(key);
  }

  #keyOf(profile: Profile): string {
    const known = this.#keys.get(profile);
    if (known) return known;
    const key = createHash("sha256").update(this.#version).update(JSON.stringify(profile)).digest("hex");
    this.#keys.set(profile, key);
    return key;
  }
}

function readBase64(path: string): string | undefined {
  try {
    return readFileSync(path).toString("base64");
  } catch {
    return undefined;
  }
}
