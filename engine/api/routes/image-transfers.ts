/** Images that come or go: pull, push, import, load, save. */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../../errors.ts";
import type { PullOptions } from "../../images/images.ts";
import { plainArchive } from "../../build/archive.ts";
import type { Exchange } from "../exchange.ts";
import { registryAuth } from "../registry-auth.ts";
import { download } from "../../build/remote.ts";
import type { Route } from "../router.ts";
import { describeError } from "../status.ts";
import { matchesPattern } from "../tag-pattern.ts";
import { JsonStream } from "../streams.ts";
import { platformOf } from "./images.ts";

/** Progress while `work` goes on; an error is an HTTP status as long as nothing was sent, and a message afterwards. */
export async function progressOf(exchange: Exchange, work: (stream: JsonStream) => Promise<void>): Promise<void> {
  const stream = new JsonStream(exchange.response);
  try {
    await work(stream);
    stream.end();
  } catch (error) {
    if (!stream.started) throw unasked(error);
    const { message, expected } = describeError(error);
    if (!expected && !exchange.signal.aborted) exchange.log(error);
    stream.end({ message });
  }
}

/** As dockerd has it, no 401: docker's command would ask for a password then, even where nobody is there to answer. */
function unasked(error: unknown): unknown {
  const isRefusal = error instanceof EngineError && error.kind === "unauthorized";
  return isRefusal ? new EngineError("internal", error.message, { cause: error }) : error;
}

async function create(exchange: Exchange): Promise<void> {
  return exchange.query.has("fromImage") ? pull(exchange) : importImage(exchange);
}

async function pull(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const [image, tag] = [query.text("fromImage").replace(/:$/, ""), query.text("tag")];
  const reference = tag === "" ? image : `${image}${tag.includes(":") ? "@" : ":"}${tag}`;
  const options = registryOptions(exchange);
  // A name alone means all its tags, which is how `docker pull --all-tags` asks.
  const all = !/[:@][^/]*$/.test(reference);
  await progressOf(exchange, async ({ send }) => {
    if (all) await services.images.pullAll(reference, { ...options, progress: send });
    else await services.images.pull(reference, { ...options, progress: send });
  });
}

function registryOptions(exchange: Exchange): PullOptions {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  const platform = platformOf(exchange);
  return { signal: exchange.signal, ...(auth && { auth }), ...(platform && { platform }) };
}

async function importImage(exchange: Exchange): Promise<void> {
  const { query, services, signal } = exchange;
  const source = query.text("fromSrc");
  const reference = query.text("repo") + (query.optional("tag") ? `:${query.text("tag")}` : "");
  const platform = platformOf(exchange);
  await progressOf(exchange, async ({ send }) => {
    const tar = source === "-" ? exchange.body : await download(source, signal, (text) => send({ status: text }));
    const options = { changes: query.all("changes"), message: query.text("message") || `Imported from ${source}` };
    const image = await services.images.importTar(
      await plainArchive(tar),
      { ...options, ...(reference && { reference }), ...(platform && { platform }) },
      signal,
    );
    send({ status: image.id });
  });
}

async function push(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const [name, tag] = [exchange.param("name"), query.optional("tag")];
  const options = registryOptions(exchange);
  const references = tag ? [`${name}:${tag}`] : await tagsOf(exchange, name);
  await progressOf(exchange, async ({ send }) => {
    let begun = false;
    for (const reference of references)
      await services.images.push(reference, {
        ...options,
        progress: (message) => {
          const isHeadline = message.status?.startsWith("The push refers to repository") === true;
          if (!isHeadline || !begun) send(message);
          begun ||= isHeadline;
        },
      });
  });
}

/** Every name that a repository has here; the repository itself when it has none, for the error that follows. */
async function tagsOf({ services }: Exchange, repository: string): Promise<string[]> {
  const names = (await services.images.list()).flatMap(({ repoTags }) => repoTags);
  const found = names.filter((name) => matchesPattern(repository, name.replace(/:[^/:]*$/, "")));
  return found.length > 0 ? found.toSorted() : [repository];
}

async function load(exchange: Exchange): Promise<void> {
  const { query, services, signal, body } = exchange;
  await progressOf(exchange, async ({ send }) => {
    // A wrong archive is a message in the stream, never a status: dockerd has begun its answer by then.
    exchange.response.writeHead(200, { "Content-Type": "application/json" });
    const quiet = query.flag("quiet", true);
    await services.images.load(await plainArchive(body), {
      signal,
      platform: platformOf(exchange),
      progress: (message) => {
        if (!quiet || message.stream !== undefined) send(message);
      },
    });
  });
}

async function save(exchange: Exchange): Promise<void> {
  const single = exchange.params["name"];
  const names = single === undefined ? exchange.query.all("names").flatMap((list) => list.split(",")) : [single];
  if (names.length === 0 || names.includes("")) throw new EngineError("internal", "invalid reference format");
  const platform = platformOf(exchange);
  await sendTar(exchange, await exchange.services.images.save(names, { signal: exchange.signal, ...(platform && { platform }) }));
}

/** Sends a tar of unknown length. An error on the way cuts the answer, so that the client does not take it for whole. */
export async function sendTar({ response, signal }: Exchange, tar: Readable, type = "application/x-tar"): Promise<void> {
  response.writeHead(200, { "Content-Type": type });
  await pipeline(tar, response, { signal });
}

export const imageTransferRoutes: readonly Route[] = [
  { method: "POST", path: "/images/create", handle: create },
  { method: "POST", path: "/images/load", handle: load },
  { method: "GET", path: "/images/get", handle: save },
  { method: "GET", path: "/images/{name}/get", handle: save },
  { method: "POST", path: "/images/{name}/push", handle: push },
];
