/** The container room: finds the container that is meant and hands the request to whoever does it. */
import { EngineError } from "../errors.ts";
import { LogFile } from "../runtime/log-file.ts";
import { join } from "node:path";
import { announce } from "./announce.ts";
import { changesOf, exportTar, getArchive, putArchive, rootOf, sizeOf, statPath } from "./archive.ts";
import { attachTo, logsOf } from "./attach.ts";
import { checkRestartPolicy } from "./config.ts";
import type { Containers, WaitCondition } from "./containers.ts";
import { checkName, createContainer, limitSupport } from "./create.ts";
import { Entry } from "./entry.ts";
import { Execs } from "./exec.ts";
import { Life } from "./life.ts";
import { logFileOptions } from "./log-options.ts";
import { cannotKill, cannotUpdate, notRunning } from "./messages.ts";
import { checkPrivate, containerDirectory, ownFiles } from "./network.ts";
import { checkResources } from "./resources.ts";
import { adoptContainers, restoreContainers } from "./restore.ts";
import type { Rooms } from "./rooms.ts";
import { readStats } from "./stats.ts";
import { Stopper } from "./stop.ts";
import { ContainerStore } from "./store.ts";
import { topOf } from "./top.ts";
import { mergeUpdate, updatedResources } from "./update.ts";

export type { Rooms } from "./rooms.ts";

/** Reads the containers that exist and adopts those that run; restore() then does what needs their networks. */
export async function openContainers(rooms: Rooms): Promise<Containers> {
  const { state } = rooms.host.paths;
  const store = await ContainerStore.open({ records: join(state, "containers"), notes: join(state, "notes") }, (record) => {
    const log = new LogFile(join(containerDirectory(rooms, record.id), "log"), logFileOptions(record.hostConfig.LogConfig));
    return new Entry(record, log);
  });
  const service = new ContainerService(rooms, store);
  await service.adopt();
  rooms.volumes.addUser(async (name) => Promise.resolve(service.usersOfVolume(name)));
  rooms.images.addUser(async (image) => Promise.resolve(service.userOfImage(image.id)));
  return service;
}

class ContainerService implements Containers {
  readonly #rooms: Rooms;
  readonly #store: ContainerStore;
  readonly #execs: Execs;
  readonly #life: Life;
  readonly #stopper: Stopper;
  #restored: Promise<void> | undefined;
  /** Containers that were up under the last engine and are gone. */
  #gone: ReadonlySet<Entry> = new Set();

  constructor(rooms: Rooms, store: ContainerStore) {
    this.#rooms = rooms;
    this.#store = store;
    this.#execs = new Execs(rooms);
    this.#life = new Life(rooms, store, this.#execs);
    this.#stopper = new Stopper(rooms, store, this.#life);
  }

  usersOfVolume(name: string): string[] {
    const users = this.#store.all().filter(({ record }) => record.mounts.some((mount) => mount.Type === "volume" && mount.Name === name));
    return users.map(({ id }) => id);
  }

  userOfImage(id: string): { describe: string; running: boolean } | undefined {
    const users = this.#store.all().filter(({ record }) => record.imageId === id);
    const user = users.find(({ isUp }) => isUp) ?? users[0];
    return user && { describe: `container ${user.id.slice(0, 12)}`, running: user.isUp };
  }

  #find(nameOrId: string): Entry {
    return this.#store.find(nameOrId);
  }

  async #running(nameOrId: string): Promise<Entry> {
    const entry = this.#find(nameOrId);
    await entry.started();
    if (!entry.isUp || !entry.task) throw notRunning(entry.id);
    return entry;
  }

  list: Containers["list"] = async () => Promise.resolve(this.#store.all().map(({ record }) => record));

  get: Containers["get"] = async (nameOrId) => Promise.resolve(this.#find(nameOrId).record);

  create: Containers["create"] = async (request, options) => {
    const { entry, warnings } = await createContainer(this.#rooms, this.#store, request, options);
    announce(this.#rooms.events, entry.record, "create");
    return { id: entry.id, warnings };
  };

  start: Containers["start"] = async (nameOrId, signal) => {
    await this.restore();
    await this.#life.start(this.#find(nameOrId), signal);
  };

  stop: Containers["stop"] = async (nameOrId, options) => this.#stopper.stop(this.#find(nameOrId), options);

  stopAll: Containers["stopAll"] = async () => this.#stopper.stopAll();

  restart: Containers["restart"] = async (nameOrId, options) => this.#stopper.restart(this.#find(nameOrId), options);

  kill: Containers["kill"] = async (nameOrId, signalName) => {
    try {
      await this.#stopper.kill(this.#find(nameOrId), signalName);
    } catch (error) {
      throw error instanceof EngineError ? cannotKill(nameOrId, error) : error;
    }
  };

  pause: Containers["pause"] = async (nameOrId) => this.#stopper.pause(this.#find(nameOrId));

  unpause: Containers["unpause"] = async (nameOrId) => this.#stopper.unpause(this.#find(nameOrId));

  rename: Containers["rename"] = async (nameOrId, name) => {
    const entry = this.#find(nameOrId);
    const wanted = name.replace(/^\//, "");
    const refuse = (error: unknown): never => {
      if (!(error instanceof EngineError)) throw error;
      throw new EngineError(error.kind, `Error when allocating new name: ${error.message}`);
    };
    await entry.inTurn(async () => {
      const { record } = entry;
      if (name === "") throw new EngineError("invalid", "Neither old nor new names may be empty");
      if (record.name === wanted) throw new EngineError("invalid", "Renaming a container with the same name as its current name");
      try {
        checkName(`/${wanted}`);
        this.#store.reserve(wanted, entry.id);
      } catch (error) {
        refuse(error);
      }
      const before = record.name;
      record.name = wanted;
      if (record.sandbox && entry.isUp && record.sandbox.endpoints.length > 0)
        record.sandbox = await this.#rooms.networks.rename(record.sandbox, wanted);
      await this.#store.save(entry);
      this.#store.releaseName(before, entry.id);
      announce(this.#rooms.events, record, "rename", { oldName: `/${before}` });
    });
  };

  update: Containers["update"] = async (nameOrId, changes) => {
    const entry = this.#find(nameOrId);
    return entry.inTurn(async () => {
      const { record } = entry;
      const { RestartPolicy, ...asked } = changes;
      if (RestartPolicy?.Name && record.hostConfig.AutoRemove)
        throw cannotUpdate(entry.id, "Restart policy cannot be updated because AutoRemove is enabled for the container");
      if (RestartPolicy?.Name) checkRestartPolicy(RestartPolicy, false);
      const support = limitSupport(this.#rooms);
      // What is wrong by itself is told before what is wrong with what is there.
      checkResources(asked, support, true);
      const { resources, warnings } = checkResources(mergeUpdate(record, asked), support, true);
      if (entry.isUp && this.#rooms.host.cgroups.parent !== null)
        await this.#rooms.runtime.update(entry.id, updatedResources(resources)).catch((error: unknown) => {
          throw new EngineError("internal", `Cannot update container ${entry.id}: ${(error as Error).message}`, { cause: error });
        });
      record.hostConfig = { ...resources, ...(RestartPolicy?.Name && { RestartPolicy }) };
      await this.#store.save(entry);
      announce(this.#rooms.events, record, "update");
      return { warnings };
    });
  };

  remove: Containers["remove"] = async (nameOrId, options) => {
    const entry = this.#find(nameOrId);
    // A start that is under way has to come to its end before it can be undone.
    await entry.inTurn(async () => Promise.resolve());
    if (options.force) await this.#end(entry);
    await this.#life.remove(entry, options);
    this.#execs.forget(entry.id);
  };

  /** One that ends and starts again all the time is caught in either state. */
  async #end(entry: Entry): Promise<void> {
    while (entry.isUp && (entry.task || entry.record.state.status === "restarting"))
      if (entry.record.state.status === "restarting") await this.#life.giveUpRestart(entry);
      else await this.#stopper.kill(entry, "KILL").catch(ignoreNotRunning);
  }

  resize: Containers["resize"] = async (nameOrId, size) => {
    const entry = await this.#running(nameOrId);
    entry.task!.resize(size);
    announce(this.#rooms.events, entry.record, "resize", { height: String(size.rows), width: String(size.columns) });
    return Promise.resolve();
  };

  wait: Containers["wait"] = (nameOrId, condition, signal) => {
    const exit = Promise.withResolvers<{ statusCode: number; error?: string }>();
    const register = async (): Promise<void> => {
      const entry = this.#find(nameOrId);
      if (condition === "not-running") await entry.started();
      if (condition === "not-running" && !entry.isUp) exit.resolve({ statusCode: entry.record.state.exitCode });
      else signal?.addEventListener("abort", entry.wait(condition as WaitCondition, exit.resolve), { once: true });
    };
    const registered = register();
    registered.catch(exit.reject);
    exit.promise.catch(() => undefined);
    return { registered, exit: exit.promise };
  };

  logs: Containers["logs"] = async (nameOrId, options) => Promise.resolve(logsOf(this.#find(nameOrId), options));

  attach: Containers["attach"] = async (nameOrId, options) => {
    const entry = this.#find(nameOrId);
    const { status } = entry.record.state;
    if (status === "paused") throw new EngineError("conflict", `container ${nameOrId} is paused, unpause the container before attach`);
    if (status === "restarting")
      throw new EngineError("conflict", `container ${nameOrId} is restarting, wait until the container is running`);
    const attachment = attachTo(entry, options);
    announce(this.#rooms.events, entry.record, "attach");
    return Promise.resolve(attachment);
  };

  top: Containers["top"] = async (nameOrId, psArgs) => {
    const entry = await this.#running(nameOrId);
    const processes = await topOf(entry.record.state.pid, psArgs);
    announce(this.#rooms.events, entry.record, "top");
    return processes;
  };

  stats: Containers["stats"] = async (nameOrId) => {
    const entry = await this.#running(nameOrId);
    const { cgroups } = this.#rooms.host;
    const { record } = entry;
    const ownNetwork = record.sandbox !== null && record.sandbox.netnsPath !== null;
    const { pid } = record.state;
    return Promise.resolve(readStats({ pid, version: cgroups.version, directories: cgroups.directories(entry.id), ownNetwork }));
  };

  changes: Containers["changes"] = async (nameOrId) => Promise.resolve(changesOf(this.#rooms, this.#find(nameOrId)));

  exportTar: Containers["exportTar"] = async (nameOrId, signal) => {
    const entry = this.#find(nameOrId);
    announce(this.#rooms.events, entry.record, "export");
    return exportTar(this.#rooms, entry, signal);
  };

  statPath: Containers["statPath"] = async (nameOrId, path) => statPath(this.#rooms, this.#find(nameOrId), path);

  getArchive: Containers["getArchive"] = async (nameOrId, path, signal) => {
    const entry = this.#find(nameOrId);
    const archive = await getArchive(this.#rooms, entry, path, signal);
    announce(this.#rooms.events, entry.record, "archive-path");
    return archive;
  };

  putArchive: Containers["putArchive"] = async (nameOrId, path, tar, options) => {
    const entry = this.#find(nameOrId);
    await putArchive(this.#rooms, entry, { path, tar, ...options });
    announce(this.#rooms.events, entry.record, "extract-to-dir");
  };

  root: Containers["root"] = async (nameOrId, writing) => rootOf(this.#rooms, this.#find(nameOrId), writing);

  size: Containers["size"] = async (nameOrId) => sizeOf(this.#rooms, this.#find(nameOrId));

  files: Containers["files"] = (id) => ownFiles(this.#rooms, this.#find(id));

  execCreate: Containers["execCreate"] = async (nameOrId, request) => {
    const entry = this.#find(nameOrId);
    await entry.started();
    return this.#execs.create(entry, request);
  };

  execStart: Containers["execStart"] = async (execId, options) => this.#execs.start(execId, options);

  execResize: Containers["execResize"] = async (execId, size) => this.#execs.resize(execId, size);

  execInspect: Containers["execInspect"] = async (execId) => Promise.resolve(this.#execs.inspect(execId));

  execIds: Containers["execIds"] = (containerId) => this.#execs.idsOf(containerId);

  connectNetwork: Containers["connectNetwork"] = async (nameOrId, network, settings) => {
    const entry = this.#find(nameOrId);
    await entry.inTurn(async () => {
      const { record } = entry;
      const { name } = await this.#rooms.networks.get(network);
      if (name === "bridge" && settings.Aliases?.length)
        throw new EngineError("invalid", "invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks");
      checkPrivate(record, name);
      if (record.sandbox && entry.isUp) {
        const names = { containerName: record.name, hostname: record.config.Hostname ?? "", domainname: record.config.Domainname ?? "" };
        record.sandbox = await this.#rooms.networks.connect(record.sandbox, network, settings, names);
      }
      record.networking = { EndpointsConfig: { ...record.networking.EndpointsConfig, [name]: settings } };
      await this.#store.save(entry);
    });
  };

  disconnectNetwork: Containers["disconnectNetwork"] = async (nameOrId, network, { force }) => {
    const entry = force ? await this.#findOrEndpoint(nameOrId, network) : this.#find(nameOrId);
    await entry.inTurn(async () => {
      const { record } = entry;
      const known = this.#rooms.networks.get(network);
      const name = force ? await known.then((found) => found.name).catch(() => network) : (await known).name;
      if (!(name in (record.networking.EndpointsConfig ?? {})))
        throw new EngineError("internal", `container ${entry.id} is not connected to ${entry.isUp && !force ? "" : "the "}network ${name}`);
      if (record.sandbox && entry.isUp) record.sandbox = await this.#rooms.networks.disconnect(record.sandbox, network);
      const { [name]: _gone, ...rest } = record.networking.EndpointsConfig ?? {};
      record.networking = { EndpointsConfig: rest };
      await this.#store.save(entry);
    });
  };

  /** By force goes also what only the network still knows, for dockerd; here it knows nothing that is not a container's. */
  async #findOrEndpoint(nameOrId: string, network: string): Promise<Entry> {
    try {
      return this.#find(nameOrId);
    } catch (error) {
      await this.#rooms.networks.get(network);
      throw new EngineError("not-found", `endpoint ${nameOrId} not found`, { cause: error });
    }
  }

  async adopt(): Promise<void> {
    this.#gone = await adoptContainers(this.#rooms, this.#store, this.#life);
  }

  restore: Containers["restore"] = async () =>
    (this.#restored ??= restoreContainers(this.#rooms, this.#store, { life: this.#life, gone: this.#gone }));

  settled: Containers["settled"] = async () => this.#store.settled();
}

/** It ended by itself in the meantime, which is as good. */
function ignoreNotRunning(error: unknown): void {
  if (!(error instanceof EngineError) || error.kind !== "conflict") throw error;
}
