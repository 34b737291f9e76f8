/** Which images are newer in their registries. Asked only when the user wants to know: nothing is polled. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import type { AuthConfig, ImageSummary } from "../../engine/api/types/image.ts";

/** So many registries are asked at once. */
const AT_ONCE = 4;

export interface Outcome {
  readonly asked: number;
  readonly newer: readonly string[];
  /** Tags that no registry would tell of, with its sentence. */
  readonly failed: readonly { readonly tag: string; readonly message: string }[];
}

export class ImageUpdates implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  /** The digest in the registry by tag. */
  readonly #digests = new Map<string, string>();

  readonly onDidChange = this.#changed.event;

  /** Whether the registry had another image under this tag when it was asked. */
  isNewer(image: Pick<ImageSummary, "RepoDigests">, tag: string): boolean {
    const digest = this.#digests.get(tag);
    return digest !== undefined && !image.RepoDigests.some((own) => own.endsWith(`@${digest}`));
  }

  /** Asks the registries of all images that came from one. */
  async check(client: DockerClient, images: readonly ImageSummary[], how: { auth: Auth; signal: AbortSignal }): Promise<Outcome> {
    const tags = images.flatMap((image) => (image.RepoDigests.length > 0 ? image.RepoTags.map((tag) => ({ image, tag })) : []));
    const failed: { tag: string; message: string }[] = [];
    const queue = [...tags];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        how.signal.throwIfAborted();
        const { tag } = next;
        await client.images.remoteDigest(tag, { auth: await how.auth(tag), signal: how.signal }).then(
          (digest) => this.#digests.set(tag, digest),
          (error: Error) => failed.push({ tag, message: error.message }),
        );
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.#changed.fire();
    return { asked: tags.length, newer: tags.filter(({ image, tag }) => this.isNewer(image, tag)).map(({ tag }) => tag), failed };
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

type Auth = (tag: string) => Promise<AuthConfig | undefined>;
