/** What a client asks of the Dockerfile frontend, in the builder's words. Pure. */
import type { BuildRequest } from "../builder.ts";
import { cacheSource, cacheTarget } from "../cache-options.ts";
import type { CacheSource, CacheTarget } from "../cache-options.ts";
import { readAttestations } from "../provenance-options.ts";
import { isRemote } from "../remote-context.ts";
import { GrpcError, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";

/** What stands for `host-gateway` on its way through a client, which only takes an address; no host has it (RFC 3849). */
export const HOST_GATEWAY = "2001:db8::6265:7274:68";

export type FrontendOptions = Readonly<Record<string, string>>;

/** A `--build-context`: a directory of the client, or an image. */
export type NamedContext =
  | { readonly directory: string; readonly session: string | undefined }
  | { readonly image: string }
  /** The result of another build of the client. */
  | { readonly input: string }
  /** What the engine fetches. */
  | { readonly remote: string }
  /** An image in a layout of the client, by digest. */
  | { readonly store: string; readonly digest: string };

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
    "cgroup-parent": cgroupParent,
  } = options;
  const provenance = readAttestations(options);
  return {
    buildArgs: withPrefix(options, "build-arg:"),
    labels: withPrefix(options, "label:"),
    noCache: noCache === "",
    pull: options["image-resolve-mode"] === "pull",
    ...(noCache && { noCacheStages: noCache.split(",") }),
    ...(target && { target }),
    ...(platform && { platform }),
    ...(networkMode && { networkMode }),
    ...(hosts && { extraHosts: hosts.split(",").map(extraHost) }),
    ...(shmSize && { shmSizeBytes: Number(shmSize) }),
    ...(ulimit && { ulimits: ulimit.split(",") }),
    ...(provenance && { provenance }),
    ...(cgroupParent && { resources: { CgroupParent: cgroupParent } }),
  };
}

function extraHost(text: string): string {
  const [name = "", address = ""] = text.split("=", 2);
  return `${name}:${address === HOST_GATEWAY ? "host-gateway" : address}`;
}

/** @throws {GrpcError} for a kind of context that is not supported */
export function namedContexts(options: FrontendOptions): Map<string, NamedContext> {
  const found = new Map<string, NamedContext>();
  for (const [key, value] of Object.entries(withPrefix(options, "context:"))) {
    // A platform after the name means one of several; there is only one here.
    const [name = ""] = key.split("::");
    const [, scheme = "", rest = ""] = /^([a-z-]+):(.*)$/s.exec(value) ?? [];
    const [, store, digest] = /^oci-layout:\/\/([^:@]+)(?::[^@]*)?@(sha256:[0-9a-f]{64})$/.exec(value) ?? [];
    if (store !== undefined && digest !== undefined) found.set(name, { store: `oci:${store}`, digest });
    else if (isRemote(value)) found.set(name, { remote: value });
    else if (scheme === "local") found.set(name, { directory: rest, session: options[`local-sessionid:${rest}`] });
    else if (scheme === "input") found.set(name, { input: rest });
    else if (scheme === "docker-image") found.set(name, { image: rest.replace(/^\/\//, "") });
    else throw new GrpcError(UNIMPLEMENTED, `build context ${JSON.stringify(name)}: ${value} is not supported`);
  }
  return found;
}

/** Where the client has the archive that it uploads as the context, undefined for anything else. */
export function uploadedContext({ context }: FrontendOptions): { path: string; host: string } | undefined {
  const url = context && URL.canParse(context) ? new URL(context) : undefined;
  return url?.protocol === "http:" && url.host === "buildkit-session" ? { path: url.pathname, host: url.host } : undefined;
}

/** A context that the engine fetches, undefined for files of the client. @throws {GrpcError} for what is neither */
export function remoteContext({ context }: FrontendOptions): string | undefined {
  if (!context || context.startsWith("local:")) return undefined;
  if (isRemote(context)) return context;
  throw new GrpcError(UNIMPLEMENTED, `the build context ${context} is not supported: give a directory, an archive, or a URL`);
}

interface CacheEntry {
  readonly Type?: string;
  readonly Attrs?: Readonly<Record<string, string>>;
}

/** Where results are looked for; a directory is one of the client. @throws {GrpcError} for what is no list of them */
export function importedCaches({ "cache-imports": text }: FrontendOptions): CacheSource[] {
  if (!text) return [];
  const entries = parseEntries(text);
  // A client offers services as well, and a build does without what is not to be had.
  return entries.flatMap(({ Type, Attrs }) => {
    if (Type === "registry") return [cacheSource({ ...Attrs, type: Type })];
    // A client that has no such directory has said so, and sends no digest.
    const { src = "", digest = "" } = Type === "local" ? (Attrs ?? {}) : {};
    return digest === "" ? [] : [{ type: "local", directory: src, tag: digest }];
  });
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

/** @throws {GrpcError} for a place that is not known */
export function exportedCaches(entries: readonly CacheEntry[]): CacheTarget[] {
  return entries.map(({ Type = "", Attrs }) => {
    if (Type !== "inline" && Type !== "registry" && Type !== "local")
      throw new GrpcError(UNIMPLEMENTED, `cache export to ${Type} is not supported: use type=inline, type=registry or type=local`);
    const target = cacheTarget({ ...Attrs, type: Type, dest: "/" });
    // A path of the client is only a name here.
    return target.type === "local" ? { ...target, directory: Attrs?.["dest"] ?? "" } : target;
  });
}

function withPrefix(options: FrontendOptions, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [])),
  );
}

/** What the client sent of it: a Dockerfile may be written small. @param files by name */
export function dockerfileOf(files: ReadonlyMap<string, Buffer>, name: string): Buffer | undefined {
  return files.get(name) ?? (name === "Dockerfile" ? files.get("dockerfile") : undefined);
}
