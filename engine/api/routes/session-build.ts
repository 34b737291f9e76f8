/** Builds with BuildKit as docker asked for them before buildx: options in the query, files over a session. */
import { EngineError } from "../../errors.ts";
import { peerOf } from "../../host/peer.ts";
import { brokenOff } from "../broken-off.ts";
import type { Exchange } from "../exchange.ts";
import { JsonStream } from "../streams.ts";
import type { SessionBuild } from "../../build/buildkit/buildkit.ts";

const UPLOAD = "upload-request";

/** Whether it is such a build, or the archive for one. */
export function asksSession({ query }: Exchange): boolean {
  if (query.text("version") !== "2") return false;
  return query.text("session") !== "" || query.text("buildid").startsWith(`${UPLOAD}:`);
}

/** What is told goes as BuildKit's own messages inside of the stream. */
export async function sessionBuild(exchange: Exchange): Promise<void> {
  const { query, services, request } = exchange;
  const [, uploaded] = query.text("buildid").split(`${UPLOAD}:`, 2);
  if (uploaded !== undefined) {
    await services.buildkit.upload(uploaded, request, exchange.signal);
    return void exchange.response.end();
  }
  const stream = new JsonStream(exchange.response);
  try {
    const answer = await services.buildkit.build(requestOf(exchange), {
      client: peerOf(request.socket),
      signal: exchange.signal,
      told: (status) => stream.pass({ id: "moby.buildkit.trace", aux: status.toString("base64") }),
    });
    const id = answer["containerimage.config.digest"];
    if (id !== undefined) stream.send(query.flag("q") ? { stream: `${id}\n` } : { id: "moby.image.id", aux: { ID: id } });
    stream.end();
  } catch (error) {
    const message = brokenOff(exchange, stream, error);
    if (message !== undefined) stream.end({ message });
  }
}

function requestOf({ query }: Exchange): SessionBuild {
  const remote = query.text("remote");
  const [hosts, cacheFrom] = [query.all("extrahosts").flatMap(listed), listed(query.text("cachefrom"))];
  const options = {
    filename: query.text("dockerfile") || "Dockerfile",
    "image-resolve-mode": query.flag("pull") ? "pull" : "default",
    ...(remote !== "client-session" && remote !== UPLOAD && { context: remote }),
    ...(query.flag("nocache") && { "no-cache": "" }),
    ...given("target", query.text("target")),
    ...given("platform", query.text("platform")),
    ...given("force-network-mode", query.text("networkmode")),
    ...given("shm-size", query.text("shmsize")),
    ...given("add-hosts", hosts.map((host) => host.replace(":", "=")).join(",")),
    ...given("cache-imports", cacheFrom.length > 0 ? JSON.stringify(cacheFrom.map((ref) => ({ Type: "registry", Attrs: { ref } }))) : ""),
    ...prefixed("build-arg:", query.json("buildargs")),
    ...prefixed("label:", query.json("labels")),
  };
  const upload = remote === UPLOAD ? query.text("buildid") : undefined;
  return { session: query.text("session"), upload, options, exporters: exportersOf(query.json("outputs"), query.all("t")) };
}

/** A text that may be a list in JSON. */
function listed(text: string): string[] {
  if (text === "") return [];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.map(String);
  } catch {
    // It is one entry.
  }
  return [text];
}

function given(name: string, value: string): Record<string, string> {
  return value === "" || value === "0" ? {} : { [name]: value };
}

/** Values that are null are not given. @throws {EngineError} invalid */
function prefixed(prefix: string, map: unknown): Record<string, string> {
  if (map === undefined || map === null) return {};
  if (typeof map !== "object" || Array.isArray(map))
    throw new EngineError("invalid", `error reading build option ${prefix} it is a map of texts`);
  return Object.fromEntries(
    Object.entries(map).flatMap(([key, value]) => (typeof value === "string" ? [[prefix + key, value] as const] : [])),
  );
}

/** @throws {EngineError} invalid, in dockerd's words */
function exportersOf(outputs: unknown, tags: readonly string[]): SessionBuild["exporters"] {
  const list = (outputs ?? []) as readonly { Type?: string; Attrs?: Record<string, string> }[];
  if (!Array.isArray(list)) throw new EngineError("invalid", "invalid outputs specified: it is a list");
  if (list.length > 1) throw new EngineError("invalid", "multiple outputs not supported");
  const { Type = "moby", Attrs = {} } = (list[0] ?? {}) as { Type?: string; Attrs?: Record<string, string> };
  const name = tags.filter((tag) => tag !== "").join(",");
  return [{ Type, Attrs: name === "" ? Attrs : { ...Attrs, name } }];
}
