/** A container's files: copy in and out, changes, export; and the image that is made of them. */
import { EngineError } from "../../errors.ts";
import { plainArchive } from "../../build/archive.ts";
import type { Exchange } from "../exchange.ts";
import { containerConfig } from "../requests.ts";
import type { Route } from "../router.ts";
import { send } from "../streams.ts";
import type { ContainerPathStat } from "../types/container.ts";
import { sendTar } from "./image-transfers.ts";

function pathOf({ query }: Exchange): string {
  const path = query.text("path");
  // Dockerd's own words, without the blank.
  if (path === "") throw new EngineError("invalid", "bad parameter: pathcannot be empty");
  return path;
}

function setStat({ response }: Exchange, stat: ContainerPathStat): void {
  response.setHeader("X-Docker-Container-Path-Stat", Buffer.from(JSON.stringify(stat)).toString("base64"));
}

async function stat(exchange: Exchange): Promise<void> {
  const path = pathOf(exchange);
  setStat(exchange, await exchange.services.containers.statPath(exchange.param("id"), path));
  exchange.response.writeHead(200).end();
}

async function get(exchange: Exchange): Promise<void> {
  const path = pathOf(exchange);
  const archive = await exchange.services.containers.getArchive(exchange.param("id"), path, exchange.signal);
  setStat(exchange, archive.stat);
  await sendTar(exchange, archive.tar);
}

async function put(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const path = pathOf(exchange);
  const options = { noOverwriteDirNonDir: query.flag("noOverwriteDirNonDir"), copyUidGid: query.flag("copyUIDGID") };
  await services.containers.putArchive(exchange.param("id"), path, await plainArchive(exchange.body), options);
  exchange.empty(200);
}

async function exportTar(exchange: Exchange): Promise<void> {
  const tar = await exchange.services.containers.exportTar(exchange.param("id"), exchange.signal);
  await sendTar(exchange, tar, "application/octet-stream");
}

const KIND = { modified: 0, added: 1, deleted: 2 } as const;

/** One by one, because a container may have changed a million files. */
async function changes(exchange: Exchange): Promise<void> {
  const { response } = exchange;
  const found = await exchange.services.containers.changes(exchange.param("id"));
  response.writeHead(200, { "Content-Type": "application/json" });
  let before = "[";
  for await (const { path, kind } of found) {
    if (!(await send(response, before + JSON.stringify({ Path: path, Kind: KIND[kind] })))) return;
    before = ",";
  }
  response.end(before === "[" ? "null\n" : "]\n");
}

async function commit(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const config = await exchange.readJson(containerConfig);
  const reference = query.text("repo") + (query.optional("repo") && query.optional("tag") ? `:${query.text("tag")}` : "");
  const image = await services.commit({
    container: query.text("container"),
    ...(reference && { reference }),
    comment: query.text("comment"),
    author: query.text("author"),
    pause: query.flag("pause", true),
    changes: query.all("changes").flatMap((text) => text.split("\n")),
    config,
  });
  exchange.json({ Id: image.id }, 201);
}

export const archiveRoutes: readonly Route[] = [
  { method: "HEAD", path: "/containers/{id}/archive", handle: stat },
  { method: "GET", path: "/containers/{id}/archive", handle: get },
  { method: "PUT", path: "/containers/{id}/archive", handle: put },
  { method: "GET", path: "/containers/{id}/export", handle: exportTar },
  { method: "GET", path: "/containers/{id}/changes", handle: changes },
  { method: "POST", path: "/commit", handle: commit },
];
