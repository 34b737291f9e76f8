/** What stages begin with: images that are here or are pulled, each once a build. */
import type { AuthConfig, JsonMessage } from "../api/types/image.ts";
import type { Image, Images, Platform } from "../images/images.ts";
import { matchesPlatform, platformText } from "../images/platform.ts";
import { parseReference } from "../syntax/reference.ts";
import type { BuildRequest } from "./builder.ts";

export class Bases {
  readonly #images: Images;
  readonly #request: BuildRequest;
  readonly #signal: AbortSignal;
  readonly #found = new Map<string, Promise<Image>>();

  constructor(images: Images, request: BuildRequest, signal: AbortSignal) {
    this.#images = images;
    this.#request = request;
    this.#signal = signal;
  }

  /**
   * @param options.explicit the platform was asked for, so that an image of another one does not do
   * @throws {EngineError} what a pull of it says
   */
  image(reference: string, platform: Platform, options: { explicit: boolean; progress: (message: JsonMessage) => void }): Promise<Image> {
    const key = `${reference} ${platformText(platform)}`;
    let found = this.#found.get(key);
    if (!found) this.#found.set(key, (found = this.#find(reference, platform, options)));
    return found;
  }

  async #find(
    reference: string,
    platform: Platform,
    options: { explicit: boolean; progress: (message: JsonMessage) => void },
  ): Promise<Image> {
    const local = await this.#images.find(reference);
    if (local && !this.#request.pull && (!options.explicit || matchesPlatform(local.config, platform))) return local;
    const auth = await this.#auth(reference);
    return this.#images.pull(reference, { platform, signal: this.#signal, progress: options.progress, ...(auth ? { auth } : {}) });
  }

  async #auth(reference: string): Promise<AuthConfig | undefined> {
    const parsed = parseReference(reference);
    if (!("reference" in parsed)) return undefined;
    const { domain } = parsed.reference;
    const all = this.#request.auth ?? {};
    const given = all[domain] ?? all[`https://${domain}`] ?? (domain === "docker.io" ? all["https://index.docker.io/v1/"] : undefined);
    return given ?? this.#request.login?.(domain);
  }
}
