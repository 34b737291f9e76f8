/**
 * Networks on Linux bridges in R. A network is a record on disk, a bridge and a DNS server on its gateway; an endpoint is an
 * interface of a container's sandbox on that bridge.
 */
import type { Events } from "../events.ts";
import { NetworkTable } from "./network-table.ts";
import type { Networks } from "./networks.ts";
import { Router } from "./router.ts";
import type { RouterHost } from "./router.ts";
import { Sandboxes } from "./sandboxes.ts";
import { NetworkStore } from "./store.ts";

/** Opens the networks of an engine and brings up R: bridges, rules, netd, the way out. Call restore() next. */
export async function openNetworks({ host, events }: { host: RouterHost; events: Events }): Promise<Networks> {
  const router = await Router.open(host);
  const table = new NetworkTable({ store: new NetworkStore(host.paths.state), router, events, hostDevice: host.name });
  await table.begin();
  const sandboxes = new Sandboxes({ run: host.paths.run, table, router, events });
  return {
    list: async () => Promise.resolve(table.all().map((network) => network.view())),
    get: async (nameOrId) => Promise.resolve(table.find(nameOrId).view()),
    create: async (options) => ({ network: (await table.create(options)).view(), warning: "" }),
    remove: (nameOrId) => table.remove(nameOrId),
    attach: (request) => sandboxes.attach(request),
    detach: (containerId) => sandboxes.detach(containerId),
    connect: async (sandbox, nameOrId, settings, names) =>
      sandboxes.connect(sandbox.containerId, table.find(nameOrId), { settings, names }),
    disconnect: async (sandbox, nameOrId) => sandboxes.disconnect(sandbox.containerId, table.find(nameOrId)),
    rename: async (sandbox, containerName) => sandboxes.rename(sandbox.containerId, containerName),
    restore: (alive) => sandboxes.restore(alive),
    processes: () => router.processes(),
    problem: () => router.uplink.problem,
    close: async (options) => {
      sandboxes.close();
      await router.close({ everything: options?.everything ?? false });
    },
  };
}
