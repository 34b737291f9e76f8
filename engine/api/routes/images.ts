/** Images: list, inspect, name, remove, prune; those that move archives or talk to registries are in image-transfers.ts. */
import { EngineError } from "../../errors.ts";
import type { Image, Platform, Removed } from "../../images/images.ts";
import type { Exchange } from "../exchange.ts";
import { parseFilters } from "../filters.ts";
import { IMAGE_FILTERS, layerSizes, selectImages, sharedSize } from "../image-list.ts";
import { historyOf, inspectImage, newestImagesFirst, summarizeImage } from "../image-view.ts";
import type { Route } from "../router.ts";
import type { ImageDeleteItem } from "../types/image.ts";

async function list(exchange: Exchange): Promise<void> {
  const { query, services, version } = exchange;
  const filters = parseFilters(query.text("filters"), IMAGE_FILTERS);
  const selected = new Map((await selectImages(services, filters)).map(({ image, repoTags }) => [image, repoTags]));
  const images = newestImagesFirst([...selected.keys()]);
  const summaries = images.map((image) => summarizeImage(image, { version, repoTags: selected.get(image)! }));
  if (query.flag("shared-size")) {
    const all = await services.images.list();
    const sizes = await layerSizes(services, all);
    images.forEach((image, index) => (summaries[index]!.SharedSize = sharedSize(image, all, sizes)));
  }
  exchange.json(summaries);
}

async function inspect(exchange: Exchange): Promise<void> {
  const image = await exchange.services.images.get(exchange.param("name"));
  const platform = platformOf(exchange);
  if (platform && !isFor(image, platform))
    throw new EngineError(
      "not-found",
      `image with reference ${withTag(exchange.param("name"))} was found but its platform (${platformText(image.config)}) does not match the specified platform (${platformText(platform)})`,
    );
  exchange.json(inspectImage(image, exchange.version));
}

/** The platform that a request asks for: OCI's JSON, or `linux/arm64/v8`. @throws {EngineError} invalid */
export function platformOf({ query }: Exchange): Platform | undefined {
  const text = query.optional("platform");
  if (text === undefined) return undefined;
  if (text.startsWith("{")) {
    const { os = "", architecture = "", variant } = query.json("platform") as Partial<Platform>;
    return { os, architecture, ...(variant && { variant }) };
  }
  const [os, architecture, variant] = text.split("/");
  if (!os || !architecture) throw new EngineError("invalid", `invalid platform: ${JSON.stringify(text)} is not os/architecture`);
  return { os, architecture, ...(variant && { variant }) };
}

function isFor({ config }: Image, platform: Platform): boolean {
  const sameVariant = platform.variant === undefined || config.variant === undefined || platform.variant === config.variant;
  return config.os === platform.os && config.architecture === platform.architecture && sameVariant;
}

function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}

function withTag(name: string): string {
  return /[:@][^/]*$/.test(name) || /^[a-f0-9]{12,64}$/.test(name) ? name : `${name}:latest`;
}

async function history(exchange: Exchange): Promise<void> {
  const { images } = exchange.services;
  const image = await images.get(exchange.param("name"));
  const sizes = await layerSizes(exchange.services, [image]);
  exchange.json(
    historyOf(
      image,
      image.layers.map(({ chainId }) => sizes.get(chainId) ?? 0),
    ),
  );
}

async function tag(exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const reference = query.text("repo") + (query.optional("tag") ? `:${query.text("tag")}` : "");
  await exchange.services.images.tag(exchange.param("name"), reference);
  exchange.empty(201);
}

async function remove(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const options = { force: query.flag("force"), prune: !query.flag("noprune") };
  exchange.json((await services.images.remove(exchange.param("name"), options)).map(deleteItem));
}

function deleteItem(removed: Removed): ImageDeleteItem {
  return "untagged" in removed ? { Untagged: removed.untagged } : { Deleted: removed.deleted };
}

async function prune(exchange: Exchange): Promise<void> {
  const { services, query } = exchange;
  const filters = parseFilters(query.text("filters"), ["dangling", "label", "label!", "until"]);
  const danglingOnly = filters.flag("dangling") ?? true;
  const selected = await selectImages(services, filters.without("dangling"));
  const chosen = new Set(selected.filter(({ image }) => !danglingOnly || isDangling(image)).map(({ image }) => image.id));
  const { removed, spaceReclaimed } = await services.images.prune(({ id }) => chosen.has(id));
  services.events.publish("image", "prune", "", { reclaimed: String(spaceReclaimed) });
  exchange.json({ ImagesDeleted: removed.length > 0 ? removed.map(deleteItem) : null, SpaceReclaimed: spaceReclaimed });
}

function isDangling({ repoTags, repoDigests }: Image): boolean {
  return repoTags.length === 0 && repoDigests.length === 0;
}

export const imageRoutes: readonly Route[] = [
  { method: "GET", path: "/images/json", handle: list },
  { method: "POST", path: "/images/prune", handle: prune },
  { method: "GET", path: "/images/{name}/json", handle: inspect },
  { method: "GET", path: "/images/{name}/history", handle: history },
  { method: "POST", path: "/images/{name}/tag", handle: tag },
  { method: "DELETE", path: "/images/{name}", handle: remove },
];
