/**
 * Single files of volumes, containers and images, for editors: `/berth/{noun}/{id}/files…?path=`. Every path is seen from
 * inside the volume or root file system and cannot leave it. Volumes as a whole come and go as tar.
 */
import { randomBytes } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { plainArchive } from "../../build/archive.ts";
import { EngineError } from "../../errors.ts";
import { topLayer } from "../../images/images.ts";
import {
  extractInto,
  fileStatIn,
  listFilesIn,
  makeOneDirectoryIn,
  packFrom,
  readStreamIn,
  removeIn,
  renameIn,
  writeFileIn,
} from "../../layers/jail.ts";
import type { Exchange } from "../exchange.ts";
import type { Handler, Route } from "../router.ts";
import { sendTar } from "./image-transfers.ts";

type Noun = "volumes" | "containers" | "images";

/** A tree of files that can be worked on until it is released. */
interface Held {
  readonly root: string;
  readonly release: () => Promise<void>;
}

async function hold(
  { services }: Exchange,
  of: { noun: Noun; id: string; layer?: number | undefined },
  writing: readonly string[],
): Promise<Held> {
  switch (of.noun) {
    case "volumes": {
      const { directory, release } = await services.volumes.hold(of.id);
      return { root: directory, release };
    }
    case "containers":
      return { root: await services.containers.root(of.id, writing), release: () => Promise.resolve() };
    case "images": {
      const image = await services.images.get(of.id);
      if (writing.length > 0) throw new EngineError("forbidden", `Cannot change ${JSON.stringify(of.id)}: images never change`);
      const layer = of.layer === undefined ? topLayer(image) : (image.layers[of.layer - 1]?.chainId ?? null);
      if (layer === null) throw new EngineError("not-found", `The image ${JSON.stringify(of.id)} has no files`);
      const key = `files-${randomBytes(8).toString("hex")}`;
      return { root: await services.layers.view(key, layer), release: () => services.layers.remove(key) };
    }
  }
}

/** Runs `work` below the root that the request names. */
function on(noun: Noun, work: (exchange: Exchange, root: string) => Promise<void>, writing: readonly string[] = []): Handler {
  return async (exchange) => {
    const paths = writing.map((name) => pathOf(exchange, name));
    const id = exchange.param(noun === "images" ? "name" : "id");
    const { root, release } = await hold(exchange, { noun, id, layer: layerOf(exchange) }, paths);
    try {
      await work(exchange, root);
    } finally {
      await release();
    }
  };
}

/** Files of an image as they are after this many of its layers. @throws {EngineError} invalid */
function layerOf({ query }: Exchange): number | undefined {
  const text = query.text("layer");
  if (text === "") return undefined;
  if (!/^\d{1,4}$/.test(text)) throw new EngineError("invalid", `"layer" has to be a number, not ${JSON.stringify(text.slice(0, 80))}`);
  return Number(text);
}

/** @throws {EngineError} invalid for anything but an absolute path */
function pathOf({ query }: Exchange, name = "path"): string {
  const path = query.text(name);
  if (!path.startsWith("/") || path.includes("\0") || path.length > 4095)
    throw new EngineError("invalid", `${JSON.stringify(name)} has to be an absolute path inside, not ${JSON.stringify(path.slice(0, 80))}`);
  return path;
}

async function stat(exchange: Exchange, root: string): Promise<void> {
  exchange.json(await fileStatIn(root, pathOf(exchange)));
}

async function list(exchange: Exchange, root: string): Promise<void> {
  exchange.json(await listFilesIn(root, pathOf(exchange)));
}

/** The status is sent with the first bytes, so that a missing file is still a 404. */
async function read(exchange: Exchange, root: string): Promise<void> {
  const { response, signal } = exchange;
  const content = readStreamIn(root, pathOf(exchange), signal);
  response.setHeader("Content-Type", "application/octet-stream");
  const chunks = content[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return exchange.empty(200);
  await pipeline(
    async function* () {
      yield first.value as Buffer;
      yield* { [Symbol.asyncIterator]: () => chunks } as AsyncIterable<Buffer>;
    },
    response,
    { signal },
  );
}

async function write(exchange: Exchange, root: string): Promise<void> {
  const { query, body, signal } = exchange;
  const options = { create: query.flag("create", true), overwrite: query.flag("overwrite", true), mode: modeOf(exchange), signal };
  await writeFileIn({ root, path: pathOf(exchange) }, body, options);
  exchange.empty(204);
}

/** Of a new file: who may read, write and execute it. @throws {EngineError} invalid */
function modeOf({ query }: Exchange): number | undefined {
  const text = query.text("mode");
  if (text === "") return undefined;
  if (!/^[0-7]{1,3}$/.test(text))
    throw new EngineError("invalid", `"mode" has to be octal such as 755, not ${JSON.stringify(text.slice(0, 80))}`);
  return Number.parseInt(text, 8);
}

async function makeDirectory(exchange: Exchange, root: string): Promise<void> {
  await makeOneDirectoryIn(root, pathOf(exchange));
  exchange.empty(201);
}

async function rename(exchange: Exchange, root: string): Promise<void> {
  await renameIn(root, pathOf(exchange), { path: pathOf(exchange, "to"), overwrite: exchange.query.flag("overwrite") });
  exchange.empty(204);
}

async function remove(exchange: Exchange, root: string): Promise<void> {
  await removeIn(root, pathOf(exchange), { recursive: exchange.query.flag("recursive") });
  exchange.empty(204);
}

/** The whole volume with its own owner and mode (`./`), names sorted. */
async function backUp(exchange: Exchange, root: string): Promise<void> {
  await sendTar(exchange, packFrom(root, "/", { name: ".", signal: exchange.signal }));
}

/** Adds to what is there; with `replace` the volume holds the archive's files and no others. */
async function restore(exchange: Exchange, root: string): Promise<void> {
  const { query, services, signal } = exchange;
  if (query.flag("replace")) {
    await refuseRunning(services, exchange.param("id"));
    for (const { name } of await listFilesIn(root, "/")) await removeIn(root, `/${name}`, { recursive: true });
  }
  await extractInto(root, "/", await plainArchive(exchange.body), { setRoot: true, signal });
  exchange.empty(204);
}

async function refuseRunning({ containers }: Exchange["services"], volume: string): Promise<void> {
  const users = (await containers.list()).filter(
    ({ mounts, state }) => ["running", "paused", "restarting"].includes(state.status) && mounts.some(({ Name }) => Name === volume),
  );
  if (users.length > 0)
    throw new EngineError("conflict", `replace ${volume}: volume is in use - [${users.map(({ id }) => id).join(", ")}]`);
}

function routesOf(noun: Noun, parameter: string): Route[] {
  const path = `/berth/${noun}/{${parameter}}/files`;
  return [
    { method: "GET", path, handle: on(noun, read) },
    { method: "PUT", path, handle: on(noun, write, ["path"]) },
    { method: "DELETE", path, handle: on(noun, remove, ["path"]) },
    { method: "GET", path: `${path}/stat`, handle: on(noun, stat) },
    { method: "GET", path: `${path}/list`, handle: on(noun, list) },
    { method: "POST", path: `${path}/directory`, handle: on(noun, makeDirectory, ["path"]) },
    { method: "POST", path: `${path}/rename`, handle: on(noun, rename, ["path", "to"]) },
  ];
}

export const fileRoutes: readonly Route[] = [
  ...routesOf("volumes", "id"),
  ...routesOf("containers", "id"),
  ...routesOf("images", "name"),
  { method: "GET", path: "/berth/volumes/{id}/archive", handle: on("volumes", backUp) },
  { method: "PUT", path: "/berth/volumes/{id}/archive", handle: on("volumes", restore) },
];
