/**
 * Names and tags of images: those of the local store, then those that registries have. Registries are asked through a running
 * engine, which knows mirrors and proxies; credentials come from the extension. A registry that does not answer soon is not waited for: what it says later is there for the next keystroke.
 */
import type { AuthConfig } from "../../../engine/api/types/image.ts";
import { DOCKER_HUB, familiarName, parseReference } from "../../../engine/syntax/reference.ts";
import type { EngineLink } from "./engine-link.ts";

export interface ImageNamesOptions {
  /** Credentials of a registry by its domain, undefined where none are known. */
  readonly auth: (domain: string) => Promise<AuthConfig | undefined>;
  /** A completion waits so long for a registry. Default 1500. */
  readonly waitMs?: number;
}

/** A question is given up after so long. */
const GIVE_UP_MS = 10_000;

/** Answers are good for so long, and that there is none for so long. */
const FRESH_MS = 5 * 60_000;
const FAILED_MS = 30_000;

/** Docker Hub is searched for no less than this. */
const SHORTEST_TERM = 3;

interface Asked {
  readonly answer: Promise<readonly string[]>;
  freshUntilMs: number;
}

export class ImageNames {
  readonly #engine: Pick<EngineLink, "client" | "signal" | "images" | "tags">;
  readonly #options: ImageNamesOptions;
  readonly #asked = new Map<string, Asked>();

  constructor(engine: Pick<EngineLink, "client" | "signal" | "images" | "tags">, options: ImageNamesOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** References of the local store, and repositories that begin as typed. */
  async images(typed: string): Promise<readonly string[]> {
    const [local, remote] = await Promise.all([this.#engine.images(), this.#repositories(typed)]);
    const known = new Set(local.map((image) => image.replace(/:[\w.-]+$/, "")));
    return [...local, ...remote.filter((name) => !known.has(name))];
  }

  /** Tags of a repository: the local ones, then the registry's, newest versions first as far as their names say. */
  async tags(repository: string): Promise<readonly string[]> {
    const [local, remote] = await Promise.all([this.#engine.tags(repository), this.#tags(repository)]);
    return [...new Set([...local, ...remote])];
  }

  async #tags(repository: string): Promise<readonly string[]> {
    const read = parseReference(repository);
    if (!("reference" in read) || repository.includes("$")) return [];
    const { domain } = read.reference;
    const name = familiarName(read.reference);
    return this.#ask(`tags ${name}`, domain, async (options) =>
      (await this.#engine.client!.images.remoteTags(name, options)).toSorted(newestFirst),
    );
  }

  /** Of the registry that is named in front, otherwise of Docker Hub. */
  async #repositories(typed: string): Promise<readonly string[]> {
    const domain = /^([^/]*[.:][^/]*|localhost)\//.exec(typed)?.[1];
    if (typed.includes("$")) return [];
    if (domain !== undefined)
      return this.#ask(`names ${domain}`, domain, async (options) =>
        (await this.#engine.client!.images.remoteRepositories(domain, options)).map((name) => `${domain}/${name}`),
      );
    if (typed.length < SHORTEST_TERM) return [];
    return this.#ask(`search ${typed}`, DOCKER_HUB, async (options) =>
      (await this.#engine.client!.images.search(typed, options)).map(({ name }) => name),
    );
  }

  async #ask(
    key: string,
    domain: string,
    ask: (options: { auth: AuthConfig | undefined; signal: AbortSignal }) => Promise<readonly string[]>,
  ): Promise<readonly string[]> {
    if (!this.#engine.client) return [];
    const known = this.#asked.get(key);
    if (known && known.freshUntilMs > performance.now()) return this.#soon(known.answer);
    const signal = AbortSignal.any([this.#engine.signal, AbortSignal.timeout(GIVE_UP_MS)]);
    const asked: Asked = {
      freshUntilMs: performance.now() + FRESH_MS,
      answer: this.#options
        .auth(domain)
        .then((auth) => ask({ auth, signal }))
        .catch(() => {
          asked.freshUntilMs = performance.now() + FAILED_MS;
          return [];
        }),
    };
    this.#asked.set(key, asked);
    return this.#soon(asked.answer);
  }

  async #soon(answer: Promise<readonly string[]>): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly string[]>((resolve) => (timer = setTimeout(resolve, this.#options.waitMs ?? 1500, [])));
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }
}

/** `latest`, then higher versions before lower ones, then names. */
export function newestFirst(a: string, b: string): number {
  if (a === "latest" || b === "latest") return a === b ? 0 : a === "latest" ? -1 : 1;
  const isVersion = (tag: string): boolean => /^v?\d/.test(tag);
  if (isVersion(a) !== isVersion(b)) return isVersion(a) ? -1 : 1;
  return b.localeCompare(a, "en", { numeric: true });
}
