/** Networks that are opened when first asked for, so that the engine can answer everything else before. */
import type { Networks } from "./networks/networks.ts";

/**
 * Opening takes a hundred milliseconds, for netd and the way out, and most requests need none of it.
 * When opening failed, every request fails with the same error.
 * @param end ends what a former engine left, if this one ends with everything and never opened them
 */
export function networksLater(open: () => Promise<Networks>, end: () => Promise<void>): Networks {
  let opening: Promise<Networks> | undefined;
  let opened: Networks | undefined;
  const networks = async (): Promise<Networks> => {
    opening ??= open();
    return (opened = await opening);
  };
  return {
    list: async () => (await networks()).list(),
    get: async (nameOrId) => (await networks()).get(nameOrId),
    create: async (options) => (await networks()).create(options),
    remove: async (nameOrId) => (await networks()).remove(nameOrId),
    attach: async (request) => (await networks()).attach(request),
    detach: async (containerId) => (await networks()).detach(containerId),
    connect: async (...all) => (await networks()).connect(...all),
    disconnect: async (...all) => (await networks()).disconnect(...all),
    rename: async (...all) => (await networks()).rename(...all),
    restore: async (sandboxes) => (await networks()).restore(sandboxes),
    processes: () => opened?.processes() ?? {},
    problem: () => opened?.problem() ?? "",
    close: async (options) => {
      const networks = await opening?.catch(() => undefined);
      if (networks) await networks.close(options);
      else if (options?.everything) await end();
    },
  };
}
