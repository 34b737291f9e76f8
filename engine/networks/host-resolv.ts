/** The host's own /etc/resolv.conf. */
import { readFileSync } from "node:fs";
import type { DnsSettings } from "./networks.ts";
import { parseResolv, renderResolv } from "./resolv.ts";
import type { HostResolv } from "./resolv.ts";

const RESOLV_CONF = "/etc/resolv.conf";

/** The text, "" where there is none. */
export function hostResolvText(): string {
  try {
    return readFileSync(RESOLV_CONF, "utf8");
  } catch {
    return "";
  }
}

/** For a container without a network: nothing is asked by default, but what was asked for stands there. */
export function resolvWithout(dns: DnsSettings): string {
  const asked = dns.servers.length + dns.search.length + dns.options.length > 0;
  return asked ? renderResolv(hostResolv(), { ...dns, servers: dns.servers, defaults: [] }) : hostResolvText();
}

export function hostResolv(): HostResolv {
  return parseResolv(hostResolvText());
}
