/** What a client asks of the Dockerfile frontend, in the builder's words. Pure. */
import type { BuildRequest } from "../builder.ts";
import { cacheSource, cacheTarget } from "../cache-options.ts";
import type { CacheSource, CacheTarget } from "../cache-options.ts";
import { GrpcError, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";

export type FrontendOptions = Readonly<Record<string, string>>;

/** A `--build-context`: a directory of the client, or an image. */
export type NamedContext = { readonly directory: string; readonly session: string | undefined } | { readonly image: string };

/** The part of a request that comes from options alone. */
export function requestOptions(options: FrontendOptions): Omit<BuildRequest, "contextDir" | "dockerfile" | "tags" | "contexts"> {
  const {
    target,
    platform,
    "no-cache": noCache,
    "force-network-mode": networkMode,
    "add-hosts": hosts,
    "shm-size": shmSize,
    ulimit,
  } = options;
  if (platform?.includes(",")) throw new GrpcError(UNKNOWN, "building for several platforms at once is not supported");
  return {
    buildArgs: withPrefix(options, "build-arg:"),
    labels: withPrefix(options, "label:"),
    noCache: noCache === "",
    pull: options["image-resolve-mode"] === "pull",
    ...(noCache && { noCacheStages: noCache.split(",") }),
    ...(target && { target }),
    ...(platform && { platform }),
    ...(networkMode && { networkMode }),
    ...(hosts && { extraHosts: hosts.split(",").map((host) => host.replace("=", ":")) }),
    ...(shmSize && { shmSizeBytes: Number(shmSize) }),
    ...(ulimit && { ulimits: ulimit.split(",") }),
  };
}

/** @throws {GrpcError} for a kind of context that is not supported */
export function namedContexts(options: FrontendOptions): Map<string, NamedContext> {
  const found = new Map<string, NamedContext>();
  for (const [key, value] of Object.entries(withPrefix(options, "context:"))) {
    // A platform after the name means one of several; there is only one here.
    const [name = ""] = key.split("::");
    const [, scheme = "", rest = ""] = /^([a-z-]+):(.*)$/s.exec(value) ?? [];
    if (scheme === "local") found.set(name, { directory: rest, session: options[`local-sessionid:${rest}`] });
    else if (scheme === "docker-image") found.set(name, { image: rest.replace(/^\/\//, "") });
    else throw new GrpcError(UNIMPLEMENTED, `build context ${JSON.stringify(name)}: ${value} is not supported`);
  }
  return found;
}

/** Id of the archive that the client uploads as the context, undefined for a directory. @throws {GrpcError} for another URL */
export function uploadedContext({ context }: FrontendOptions): { path: string; host: string } | undefined {
  if (!context) return undefined;
  const url = URL.canParse(context) ? new URL(context) : undefined;
  if (url?.protocol === "http:" && url.host === "buildkit-session") return { path: url.pathname, host: url.host };
  throw new GrpcError(UNIMPLEMENTED, `the build context ${context} is not supported here: clone or unpack it, then build the directory`);
}

interface CacheEntry {
  readonly Type?: string;
  readonly Attrs?: Readonly<Record<string, string>>;
}

/** Registries in which results are looked for. @throws {GrpcError} for what is no list of them */
export function importedCaches({ "cache-imports": text }: FrontendOptions): CacheSource[] {
  if (!text) return [];
  const entries = parseEntries(text);
  // A client offers directories and services as well, and a build does without what is not to be had.
  return entries.flatMap(({ Type, Attrs }) => (Type === "registry" ? [cacheSource({ ...Attrs, type: Type })] : []));
}

function parseEntries(text: string): readonly CacheEntry[] {
  try {
    const entries: unknown = JSON.parse(text);
    if (Array.isArray(entries)) return entries as CacheEntry[];
  } catch {
    // Said below.
  }
  throw new GrpcError(UNKNOWN, "failed to unmarshal cache imports: not a list");
}

/** @throws {GrpcError} for a place that the engine cannot reach */
export function exportedCaches(entries: readonly CacheEntry[]): CacheTarget[] {
  return entries.map(({ Type = "", Attrs }) => {
    if (Type !== "inline" && Type !== "registry")
      throw new GrpcError(
        UNIMPLEMENTED,
        `cache export to ${Type} is not supported here: use type=inline or type=registry, or "berth build"`,
      );
    return cacheTarget({ ...Attrs, type: Type });
  });
}

function withPrefix(options: FrontendOptions, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [])),
  );
}
