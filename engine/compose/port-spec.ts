/** Short forms of ports: `80`, `8080:80`, `127.0.0.1:8000-8010:80-90/udp`. */
import { isIP } from "node:net";
import type { ValueMap } from "../syntax/compose-value.ts";

/**
 * Entries in the long form, one for every container port, sorted by port as text.
 *
 * @throws {Error} the words of Docker's go-connections about what is wrong
 */
export function parsePorts(spec: string): ValueMap[] {
  const { ip, host, container, protocol } = splitSpec(spec);
  if (container === "") throw new Error(`No port specified: ${spec}<empty>`);
  const inside = parseRange(container);
  if (!inside) throw new Error(`Invalid containerPort: ${container}`);
  const outside = host === "" ? undefined : parseRange(host);
  if (host !== "" && !outside) throw new Error(`Invalid hostPort: ${host}`);
  const count = inside.end - inside.start;
  if (outside && outside.end - outside.start !== count && count > 0) {
    throw new Error(`Invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`Invalid proto: ${protocol}`);
  const ports: ValueMap[] = [];
  for (let index = 0; index <= count; index++) {
    const target = inside.start + index;
    ports.push({ mode: "ingress", ...(ip ? { host_ip: ip } : {}), target, ...publishedAt(outside, index, count), protocol });
  }
  return ports.sort((a, b) => compareText(`${String(a["target"])}/`, `${String(b["target"])}/`));
}

interface PortRange {
  start: number;
  end: number;
}

function publishedAt(range: PortRange | undefined, index: number, count: number): { published?: string } {
  if (!range) return {};
  const dynamic = count === 0 && range.end !== range.start;
  return { published: dynamic ? `${range.start}-${range.end}` : String(range.start + index) };
}

function splitSpec(spec: string): { ip: string; host: string; container: string; protocol: string } {
  const parts = spec.split(":");
  const last = parts.at(-1) ?? "";
  const slash = last.indexOf("/");
  const container = slash < 0 ? last : last.slice(0, slash);
  const protocol = (slash < 0 ? "tcp" : last.slice(slash + 1) || "tcp").toLowerCase();
  const host = parts.length > 1 ? (parts.at(-2) ?? "") : "";
  let ip = parts.slice(0, -2).join(":");
  if (ip.startsWith("[") && ip.endsWith("]")) ip = ip.slice(1, -1);
  if (ip !== "" && isIP(ip) === 0) throw new Error(`Invalid ip address: ${ip}`);
  return { ip, host, container, protocol };
}

function parseRange(text: string): PortRange | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  return start > 65535 || end > 65535 || end < start ? undefined : { start, end };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
