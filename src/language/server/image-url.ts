/** The page that shows an image to people. */
import { DOCKER_HUB } from "../../../engine/syntax/reference.ts";
import type { Reference } from "../../../engine/syntax/reference.ts";

const pages: Readonly<Record<string, (path: string) => string>> = {
  [DOCKER_HUB]: (path) =>
    path.startsWith("library/") ? `https://hub.docker.com/_/${path.slice("library/".length)}` : `https://hub.docker.com/r/${path}`,
  "ghcr.io": (path) => `https://github.com/${path.split("/").slice(0, 2).join("/")}`,
  "quay.io": (path) => `https://quay.io/repository/${path}`,
  "mcr.microsoft.com": (path) => `https://mcr.microsoft.com/artifact/mar/${path}`,
  "public.ecr.aws": (path) => `https://gallery.ecr.aws/${path}`,
};

/** undefined for registries of which no page is known. */
export function imageUrl({ domain, path }: Reference): string | undefined {
  return pages[domain]?.(path);
}
