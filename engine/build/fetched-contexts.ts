/** Named contexts that are not here yet: URLs, and images in OCI layouts. They live as long as their build. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { makeDirectory, removeTree } from "../host/files.ts";
import type { Images } from "../images/images.ts";
import { isOn } from "./build-args.ts";
import type { BuildRequest } from "./builder.ts";
import { readLayout } from "./oci-layout.ts";
import { fetchContext, isRemote } from "./remote-context.ts";

const LAYOUT = "oci-layout://";

/** Whether a `--build-context` has to be fetched before the build. */
export function isFetched(context: string): boolean {
  return isRemote(context) || context.startsWith(LAYOUT);
}

interface Rooms {
  readonly images: Images;
  readonly temporary: string;
}

/** @returns the request with its contexts here, and what lets go of them */
export async function fetchContexts(
  request: BuildRequest,
  { images, temporary }: Rooms,
  signal: AbortSignal,
): Promise<{ request: BuildRequest; release: () => Promise<void> }> {
  const fetched = Object.entries(request.fetchedContexts ?? {});
  if (fetched.length === 0) return { request, release: async () => undefined };
  const directory = join(temporary, `contexts-${randomUUID()}`);
  const loaded: string[] = [];
  const release = async (): Promise<void> => {
    // It was here for this build only; what uses it, or gave it a name, keeps it.
    for (const id of loaded) await images.remove(id, { force: false, prune: true }).catch(() => undefined);
    await removeTree(directory);
  };
  try {
    const contexts: Record<string, { dir: string } | { image: string }> = { ...request.contexts };
    for (const [index, [name, where]] of fetched.entries()) {
      const own = join(directory, String(index));
      await makeDirectory(own);
      if (where.startsWith(LAYOUT)) {
        const image = await loadLayout(where, images, signal);
        if (image.isNew) loaded.push(image.id);
        contexts[name] = { image: image.id };
      } else {
        const keepGitDir = isOn(request.buildArgs, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
        contexts[name] = { dir: (await fetchContext(where, own, { signal, access: request, keepGitDir })).dir };
      }
    }
    return { request: { ...request, contexts }, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function loadLayout(where: string, images: Images, signal: AbortSignal): Promise<{ id: string; isNew: boolean }> {
  const [, path = "", tag, digest] = /^(.*?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(where.slice(LAYOUT.length)) ?? [];
  const before = new Set((await images.list()).map(({ id }) => id));
  const { ids } = await images.load(await readLayout(path, { tag, digest }), { signal });
  const [id] = ids;
  if (id === undefined) throw new EngineError("invalid", `There is no image in ${path}`);
  return { id, isNew: !before.has(id) };
}
