/** What stages begin with: images that are here or are pulled, each once a build. */
import type { JsonMessage } from "../api/types/image.ts";
import type { Image, Images, Platform } from "../images/images.ts";
import { matchesPlatform, platformText } from "../images/platform.ts";
import type { BuildRequest } from "./builder.ts";
import { loginFor } from "./login.ts";

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
    const auth = await loginFor(reference, this.#request);
    return this.#images.pull(reference, { platform, signal: this.#signal, progress: options.progress, ...(auth ? { auth } : {}) });
  }
}
