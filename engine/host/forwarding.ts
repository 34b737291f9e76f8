/**
 * The host's switches for forwarding. Who finds one off and switches it on notes that in a file of the run directory, which
 * the holder has open, and switches it off again in the end.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Family = "ipv4" | "ipv6";

const IPV4 = "/proc/sys/net/ipv4/ip_forward";
const IPV6 = "/proc/sys/net/ipv6/conf";

/** The file that names what this engine has switched on, e.g. `ipv4 ipv6`. */
export const forwardingFile = (run: string): string => join(run, "forwarding");

/** What this engine has switched on; nothing where its run directory is gone. */
export function switchedForwarding(run: string): Family[] {
  const text = existsSync(forwardingFile(run)) ? readFileSync(forwardingFile(run), "utf8") : "";
  return (["ipv4", "ipv6"] as const).filter((family) => text.includes(family));
}

/** In the calling thread's network namespace. Forwarding that is on already is not ours. */
export function switchForwardingOn(run: string, family: Family): void {
  const file = family === "ipv4" ? IPV4 : join(IPV6, "all/forwarding");
  if (read(file) === "1") return;
  writeFileSync(forwardingFile(run), `${[...switchedForwarding(run), family].join(" ")}\n`, { mode: 0o600 });
  if (family === "ipv4") writeFileSync(IPV4, "1");
  else switchIpv6("1");
}

/**
 * In the calling thread's network namespace, when this engine had switched it on: unless somebody else's bridge or pair of
 * interfaces may have come to rely on it.
 */
export function switchForwardingOff(families: readonly Family[], links: readonly { readonly kind: string }[]): void {
  if (links.some(({ kind }) => ["bridge", "veth", "tun", "wireguard"].includes(kind))) return;
  if (families.includes("ipv4")) writeFileSync(IPV4, "0");
  if (families.includes("ipv6")) switchIpv6("0");
}

/**
 * The switch for all sets every interface's own, which says whether the interface is a router's, and a router forgets the
 * default routes that others advertise. So each keeps its own, and those that listen to advertisements go on listening.
 */
function switchIpv6(value: "0" | "1"): void {
  const links = readdirSync(IPV6).filter((name) => name !== "all");
  const before = links.map((name) => {
    const files = { forwarding: join(IPV6, name, "forwarding"), advertisements: join(IPV6, name, "accept_ra") };
    return { files, forwarding: read(files.forwarding), advertisements: read(files.advertisements) };
  });
  const EVEN_AS_ROUTER = "2";
  for (const { files, advertisements } of before) if (advertisements === "1") write(files.advertisements, EVEN_AS_ROUTER);
  writeFileSync(join(IPV6, "all/forwarding"), value);
  for (const { files, forwarding, advertisements } of before) {
    write(files.forwarding, forwarding);
    if (advertisements === "1") write(files.advertisements, advertisements);
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
};

/** Interfaces come and go meanwhile. */
function write(file: string, value: string): void {
  try {
    if (value !== "" && read(file) !== value) writeFileSync(file, value);
  } catch {
    // It is gone.
  }
}
