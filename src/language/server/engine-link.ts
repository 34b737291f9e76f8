/**
 * The engine that runs already, as far as the extension has said where: its images, their variables, its events.
 * Without one everything is empty; none is ever started from here.
 */
import type { EventMessage } from "../../../engine/api/types/system.ts";
import { connect } from "../../../engine/client/client.ts";
import type { DockerClient } from "../../../engine/client/client.ts";
import { jsonLines } from "../../../engine/client/streams.ts";
import { familiarName, familiarReference, parseReference, withDefaultTag } from "../../../engine/syntax/reference.ts";

/** `connected`: the engine is another one, or gone; `learned`: more is known of an image; otherwise what happened in the engine. */
export type EngineNews = "connected" | "learned" | EventMessage;

export class EngineLink {
  readonly #listeners = new Set<(news: EngineNews) => void>();
  readonly #variables = new Map<string, readonly string[] | undefined>();
  #client: DockerClient | undefined;
  #endpoint: string | null = null;
  #closing = new AbortController();
  #images: Promise<readonly string[]> | undefined;

  get client(): DockerClient | undefined {
    return this.#client;
  }

  /** Aborted when the engine goes or is replaced. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Connects to a running engine; null forgets it. */
  use(endpoint: string | null): void {
    if (endpoint === this.#endpoint) return;
    this.#closing.abort();
    this.#closing = new AbortController();
    void this.#client?.close();
    this.#endpoint = endpoint;
    this.#client = endpoint === null ? undefined : connect(endpoint, { userAgent: "berth-language-server" });
    this.#forget();
    if (this.#client) void this.#follow(this.#client, this.#closing.signal);
    this.#tell("connected");
  }

  onNews(listener: (news: EngineNews) => void): void {
    this.#listeners.add(listener);
  }

  /** References of the local store, as people write them. */
  images(): Promise<readonly string[]> {
    const images = (this.#images ??= this.#listImages());
    return images.catch(() => {
      // The next one who asks may be luckier.
      if (this.#images === images) this.#images = undefined;
      return [];
    });
  }

  /** Tags of a repository in the local store. */
  async tags(repository: string): Promise<readonly string[]> {
    const read = parseReference(repository);
    if (!("reference" in read)) return [];
    const name = `${familiarName(read.reference)}:`;
    return (await this.images()).filter((image) => image.startsWith(name)).map((image) => image.slice(name.length));
  }

  /** Names of the variables that an image sets, as far as they are known; asking makes them known soon. */
  baseVariables(image: string): readonly string[] | undefined {
    const read = parseReference(image);
    if (!("reference" in read) || !this.#client) return undefined;
    const name = familiarReference(withDefaultTag(read.reference));
    if (!this.#variables.has(name)) {
      this.#variables.set(name, undefined);
      void this.#learn(name);
    }
    return this.#variables.get(name);
  }

  async #learn(name: string): Promise<void> {
    try {
      const { Config } = await this.#client!.images.inspect(name, { signal: this.signal });
      this.#variables.set(
        name,
        (Config?.Env ?? []).map((entry) => entry.split("=", 1)[0]!),
      );
      this.#tell("learned");
    } catch {
      // The image is not here: its variables stay unknown, and nothing is said about them.
    }
  }

  async #listImages(): Promise<readonly string[]> {
    const list = (await this.#client?.images.list({ signal: this.signal })) ?? [];
    return [...new Set(list.flatMap(({ RepoTags }) => RepoTags ?? []))].filter((tag) => !tag.includes("<none>")).toSorted();
  }

  async #follow(client: DockerClient, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of jsonLines<EventMessage>(await client.connection.stream("GET", "/events", { signal }))) {
        if (event.Type === "image") this.#forget();
        this.#tell(event);
      }
    } catch {
      // The extension notices the end of an engine as well, and says where the next one is.
    }
  }

  #forget(): void {
    this.#images = undefined;
    this.#variables.clear();
  }

  #tell(news: EngineNews): void {
    for (const listener of this.#listeners) listener(news);
  }
}
