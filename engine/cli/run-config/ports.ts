/**
 * `--publish` and `--expose`.
 * @see https://docs.docker.com/engine/network/#published-ports
 */
import { isIP } from "node:net";
import type { PortMap } from "../../api/types/network.ts";
import { cut } from "./text.ts";

export interface PublishedPorts {
  /** Keys of ExposedPorts. */
  readonly exposed: readonly string[];
  readonly bindings: PortMap;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Reads `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, ranges and the long form `target=80,published=8080`. @throws {Error} in docker's words */
export function readPublished(texts: readonly string[]): PublishedPorts {
  const bindings: PortMap = {};
  for (const text of texts) for (const [key, binding] of readPort(shortForm(text))) bindings[key] = [...(bindings[key] ?? []), binding];
  return { exposed: Object.keys(bindings), bindings };
}

function shortForm(text: string): string {
  if (!text.includes("=")) return text;
  let [target, published, protocol] = ["", "", "tcp"];
  for (const field of text.split(",")) {
    const [key, value] = cut(field);
    if (key === "target") target = value;
    else if (key === "published") published = value;
    else if (key === "protocol") protocol = value;
    else if (key !== "mode") throw new Error(`invalid field key ${key}`);
  }
  return `${published ? `${published}:` : ""}${target}/${protocol}`;
}

function readPort(text: string): [string, { HostIp: string; HostPort: string }][] {
  const { ip, host, container, protocol } = splitPort(text);
  if (container === "") throw new Error(`no port specified: ${text}<empty>`);
  const inside = readRange(container) ?? fail(`invalid containerPort: ${container}`);
  const outside = host === "" ? undefined : (readRange(host) ?? fail(`invalid hostPort: ${host}`));
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`invalid proto: ${protocol}`);
  const size = inside.last - inside.first;
  if (outside && outside.last - outside.first !== size && size > 0)
    throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  return Array.from({ length: size + 1 }, (_unused, at) => [
    `${inside.first + at}/${protocol}`,
    { HostIp: ip, HostPort: hostPort(outside, at, size === 0) },
  ]);
}

/** One port of the host's range, or the whole range for the engine to choose from. */
function hostPort(range: Range | undefined, at: number, single: boolean): string {
  if (!range) return "";
  if (single && range.last !== range.first) return `${range.first}-${range.last}`;
  return String(range.first + at);
}

function splitPort(text: string): { ip: string; host: string; container: string; protocol: string } {
  const parts = text.split(":");
  const [last = "", protocol = "tcp"] = (parts.at(-1) ?? "").split("/");
  const host = parts.length > 1 ? parts.at(-2)! : "";
  const written = parts.slice(0, -2).join(":");
  const ip = written.replace(/^\[(.*)\]$/, "$1");
  if (ip !== "" && isIP(ip) === 0) throw new Error(`invalid IP address: ${written}`);
  return { ip, host, container: last, protocol: protocol.toLowerCase() };
}

function readRange(text: string): Range | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65535 ? { first, last } : undefined;
}

/** Why a range is none, in Go's words. */
function rangeProblem(text: string): string {
  for (const part of text.split("-")) {
    if (!/^\d+$/.test(part)) return `strconv.ParseUint: parsing ${JSON.stringify(part)}: invalid syntax`;
    if (Number(part) > 65535) return `strconv.ParseUint: parsing ${JSON.stringify(part)}: value out of range`;
  }
  return `invalid range specified for port: ${text}`;
}

function fail(message: string): never {
  throw new Error(message);
}

/** Keys of ExposedPorts that `--expose` names. */
export function readExposed(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    if (text.includes(":")) throw new Error(`invalid port format for --expose: ${text}`);
    const [ports = "", protocol = "tcp"] = text.split("/");
    const range = readRange(ports) ?? fail(`invalid range format for --expose: ${text}, error: ${rangeProblem(ports)}`);
    return Array.from({ length: range.last - range.first + 1 }, (_unused, at) => `${range.first + at}/${protocol.toLowerCase()}`);
  });
}
