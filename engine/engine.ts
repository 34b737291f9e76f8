/** The only place where rooms are constructed and wired together. */
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import { createApiServer } from "./api/server.ts";
import { openSystem } from "./api/system.ts";
import { ContextDirectories } from "./build/buildkit/context-directory.ts";
import { openBuildkit } from "./build/buildkit/buildkit.ts";
import { readAnnouncement } from "./build/look-ahead.ts";
import { openBuilder } from "./build/solver.ts";
import type { ContainerRecord } from "./containers/containers.ts";
import { openContainers } from "./containers/open.ts";
import { openStepRunner } from "./containers/step.ts";
import { commitContainer } from "./containers/commit.ts";
import { StatsHistory } from "./containers/stats-history.ts";
import { Events } from "./events.ts";
import { makeDirectory, removeTree } from "./host/files.ts";
import type { Host } from "./host/host.ts";
import { log } from "./host/log.ts";
import { readRegistrySettings } from "./images/registry/settings.ts";
import { openRegistry } from "./images/remote.ts";
import { openImages } from "./images/store.ts";
import { copyInto } from "./layers/jail.ts";
import { openSnapshots } from "./layers/overlay.ts";
import { networksLater } from "./networks-later.ts";
import { openNetworks } from "./networks/bridge.ts";
import { endRouter } from "./networks/router.ts";
import { openRuntime } from "./runtime/supervisor.ts";
import { openVolumes } from "./volumes/local.ts";

export interface Engine {
  /** Answers the Docker Engine API; not listening yet. */
  readonly server: Server;
  /** Gets ready what the first container would wait for. */
  warmUp(): Promise<void>;
  /** Takes a line of announcements.ts. */
  announced(line: string): void;
  /** Whether a container runs or is about to. */
  busy(): Promise<boolean>;
  /** Stops all containers, each with its own timeout. */
  stopContainers(): Promise<void>;
  /** Pids of netd and uplink. */
  processes(): Record<string, number>;
  /** Lets go of what only this process holds. With `everything`, what serves the networks of containers ends too. */
  close(options?: { everything: boolean }): Promise<void>;
}

/** Opens the rooms from the ground up and adopts what an earlier engine left running. */
export async function openEngine(host: Host): Promise<Engine> {
  const { paths, rootless } = host;
  const events = new Events();
  await emptyScratch(paths.storage);
  const networks = networksLater(
    () => openNetworks({ host, events }),
    () => endRouter(host),
  );
  const [snapshots, runtime, volumes] = await Promise.all([
    openSnapshots({ directory: paths.storage, rootless }),
    openRuntime({ runtime: host.runtime, cgroups: host.cgroups, run: paths.run }),
    openVolumes({ directory: join(paths.storage, "volumes"), state: join(paths.state, "volumes"), events, copyTree }),
  ]);
  for (const key of await snapshots.keys()) if (key.startsWith("files-")) await snapshots.remove(key);
  const registry = await readRegistrySettings(join(dirname(paths.log), "daemon.json"), process.env);
  const system = openSystem(host, {
    networkProblem: () => networks.problem(),
    processes: () => networks.processes(),
    mirrors: registry.mirrors,
    insecureRegistries: registry.insecure,
  });
  const images = await openImages({ directory: join(paths.storage, "images"), snapshots, events, registry });
  const rooms = { host, images, snapshots, volumes, networks, runtime, events };
  const containers = await openContainers(rooms);
  const statsHistory = await new StatsHistory(containers, events, join(paths.state, "stats-history.json")).recall();
  const steps = openStepRunner(rooms);
  const directory = join(paths.storage, "build");
  const contexts = new ContextDirectories(join(directory, "contexts"));
  const builder = await openBuilder({
    directory,
    contexts,
    stateDirectory: join(paths.state, "build"),
    images,
    snapshots,
    steps: {
      hasCgroups: steps.hasCgroups,
      run: async (step) => containers.restore().then(async () => steps.run(step)),
      open: async (step) => containers.restore().then(async () => steps.open(step)),
    },
    events,
    ...cacheBudget(),
  });
  await builder.sweep();
  const buildkit = openBuildkit({ builder, images, snapshots, contexts, scratch: join(paths.storage, "tmp") });
  const server = createApiServer(
    {
      containers,
      builder,
      buildkit,
      images,
      networks,
      volumes,
      events,
      layers: snapshots,
      statsHistory,
      registry: openRegistry(registry),
      system,
      commit: async (request) => commitContainer({ ...rooms, containers }, request),
    },
    {
      log: (error) => log("error", error),
    },
  );
  return {
    server,
    warmUp: async () => containers.restore().then(() => statsHistory.wake()),
    announced: (line) => {
      const announced = readAnnouncement(line);
      if (announced) builder.expect(announced);
    },
    busy: async () => (await containers.list()).some(isUp),
    stopContainers: async () => containers.stopAll(),
    processes: () => networks.processes(),
    close: async (options) => {
      await statsHistory.close().catch((error: Error) => log("error", error));
      server.closeAllConnections();
      await containers.restore().catch(() => undefined);
      await containers.settled();
      await runtime.close();
      await networks.close(options);
    },
  };
}

/** Build contexts and other half-done work of an engine that was killed. */
async function emptyScratch(storage: string): Promise<void> {
  await removeTree(join(storage, "tmp"));
  await makeDirectory(join(storage, "tmp"));
}

async function copyTree(root: string, path: string, target: string): Promise<void> {
  await copyInto({ root, path }, { root: target, path: "/" }, { top: true });
}

/** `BERTH_BUILD_CACHE_BYTES` limits what builds keep. */
function cacheBudget(): { cacheBytes?: number } {
  const bytes = Number(process.env["BERTH_BUILD_CACHE_BYTES"]);
  return bytes > 0 ? { cacheBytes: bytes } : {};
}

function isUp({ state }: ContainerRecord): boolean {
  return ["running", "paused", "restarting"].includes(state.status);
}
