/** Services without containers behind them, for tests of the API alone: what a test needs is given, all else throws. */
import { Events } from "../../engine/events.ts";
import type { ContainerRecord, Containers } from "../../engine/containers/containers.ts";
import { EngineError } from "../../engine/errors.ts";
import type { Image, Images } from "../../engine/images/images.ts";
import type { Network, Networks } from "../../engine/networks/networks.ts";
import type { Volumes } from "../../engine/volumes/volumes.ts";
import type { Buildkit } from "../../engine/build/buildkit/buildkit.ts";
import type { Builder } from "../../engine/build/builder.ts";
import type { Services, System } from "../../engine/api/services.ts";

/** An object that has these members and throws for every other. */
export function fake<T extends object>(name: string, members: Partial<T>): T {
  return new Proxy(members, {
    get(target, key) {
      if (key in target) return Reflect.get(target, key) as unknown;
      if (typeof key === "symbol" || key === "then") return undefined;
      throw new Error(`${name}.${key} is not part of this test`);
    },
  }) as T;
}

export interface FakeParts {
  readonly records?: ContainerRecord[];
  readonly containers?: Partial<Containers>;
  readonly allImages?: Image[];
  readonly images?: Partial<Images>;
  readonly allNetworks?: Network[];
  readonly networks?: Partial<Networks>;
  readonly volumes?: Partial<Volumes>;
  readonly builder?: Partial<Builder>;
  readonly layers?: Partial<Services["layers"]>;
  readonly registry?: Partial<Services["registry"]>;
  readonly commit?: Services["commit"];
  readonly system?: Partial<System>;
}

export function fakeServices(parts: FakeParts = {}): Services {
  const { records = [], allImages = [], allNetworks = [] } = parts;
  return {
    containers: fake<Containers>("containers", {
      list: async () => Promise.resolve(records),
      get: async (name) => Promise.resolve(findContainer(records, name)),
      execIds: () => [],
      files: () => ({ resolvConf: "", hostname: "", hosts: "", log: "" }),
      ...parts.containers,
    }),
    images: fake<Images>("images", {
      list: async () => Promise.resolve(allImages),
      find: async (name) => Promise.resolve(findImage(allImages, name)),
      get: async (name) => Promise.resolve(findImage(allImages, name) ?? missing(`No such image: ${name}`)),
      ...parts.images,
    }),
    networks: fake<Networks>("networks", { list: async () => Promise.resolve(allNetworks), ...parts.networks }),
    volumes: fake<Volumes>("volumes", { ...parts.volumes }),
    builder: fake<Builder>("builder", { ...parts.builder }),
    buildkit: fake<Buildkit>("buildkit", {}),
    events: new Events(),
    statsHistory: { remembered: () => [], subscribe: () => () => {} },
    layers: fake<Services["layers"]>("layers", { layer: async () => Promise.resolve(undefined), ...parts.layers }),
    registry: fake<Services["registry"]>("registry", { ...parts.registry }),
    commit: parts.commit ?? (() => Promise.reject(new Error("commit is not part of this test"))),
    system: fake<System>("system", { ...parts.system }),
  };
}

function missing(message: string): never {
  throw new EngineError("not-found", message);
}

function findContainer(records: readonly ContainerRecord[], name: string): ContainerRecord {
  const found = records.find(({ id, name: own }) => id === name || own === name.replace(/^\//, "") || id.startsWith(name));
  return found ?? missing(`No such container: ${name}`);
}

function findImage(images: readonly Image[], name: string): Image | undefined {
  const full = name.includes(":") ? name : `${name}:latest`;
  return images.find(({ id, repoTags }) => id === name || id.slice(7).startsWith(name) || repoTags.includes(full));
}

/** A container that has never run; what a test looks at is given. */
export function containerRecord(given: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: "1".repeat(64),
    name: "web",
    createdAt: "2026-11-21T03:49:16.522528702Z",
    imageId: `sha256:${"a".repeat(64)}`,
    imageName: "busybox",
    path: "sh",
    args: ["-c", "echo started; sleep 1000"],
    config: { Image: "busybox", Cmd: ["sh", "-c", "echo started; sleep 1000"] },
    hostConfig: { NetworkMode: "bridge" },
    networking: { EndpointsConfig: { bridge: {} } },
    mounts: [],
    platform: "linux/amd64",
    restartCount: 0,
    sandbox: null,
    ...given,
    state: {
      status: "created",
      pid: 0,
      pidStartTime: "",
      bootId: "",
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: "",
      finishedAt: "",
      stoppedByUser: false,
      ...given.state,
    },
  };
}
