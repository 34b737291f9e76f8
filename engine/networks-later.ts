/** Networks that are still being opened: every request waits for them, so that the engine can answer all others meanwhile. */
import type { Networks } from "./networks/networks.ts";

/**
 * Opening takes a hundred milliseconds, for netd and the way out, and most requests need none of it.
 * When opening failed, every request fails with the same error.
 */
export function networksLater(opening: Promise<Networks>): Networks {
  let opened: Networks | undefined;
  opening.then((networks) => (opened = networks)).catch(() => undefined);
  return {
    list: async () => (await opening).list(),
    get: async (nameOrId) => (await opening).get(nameOrId),
    create: async (options) => (await opening).create(options),
    remove: async (nameOrId) => (await opening).remove(nameOrId),
    attach: async (request) => (await opening).attach(request),
    detach: async (containerId) => (await opening).detach(containerId),
    connect: async (...all) => (await opening).connect(...all),
    disconnect: async (...all) => (await opening).disconnect(...all),
    restore: async (sandboxes) => (await opening).restore(sandboxes),
    processes: () => opened?.processes() ?? {},
    problem: () => opened?.problem() ?? "",
    close: async (options) => (await opening.catch(() => undefined))?.close(options),
  };
}
