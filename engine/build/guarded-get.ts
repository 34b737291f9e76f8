/**
 * What a URL leads to. Only http and https, redirects included, and never an address that only this machine or its cloud can
 * reach by link-local routing: who wrote the URL, and who answers it, may be a stranger.
 */
import { lookup } from "node:dns";
import { get as httpGet } from "node:http";
import type { IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";

const MOST_REDIRECTS = 10;

/** Addresses of metadata services among them; IPv4 inside of IPv6 counts as what it is. */
const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addAddress("100.100.100.200", "ipv4");
linkLocal.addSubnet("fe80::", 10, "ipv6");
linkLocal.addAddress("fd00:ec2::254", "ipv6");
linkLocal.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addSubnet("0.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addAddress("::", "ipv6");

/**
 * The answer after all redirects, whatever its status; its reader reads it to the end or destroys it.
 * @param options.login value of the header Authorization; only the first server gets it
 * @throws {Error} for what is refused, and the system's errors
 */
export async function get(url: URL, { signal, login }: { signal: AbortSignal; login?: string | undefined }): Promise<IncomingMessage> {
  let at = url;
  let beginsHere = false;
  let refused: Refused = (address) => {
    beginsHere ||= isLoopback(address);
    return isLinkLocal(address);
  };
  for (let count = 0; count <= MOST_REDIRECTS; count++) {
    // Who the first server sends elsewhere does not take the login along.
    const response = await request(at, { refused, signal, login: at.origin === url.origin ? login : undefined });
    const { location } = response.headers;
    if (response.statusCode! < 300 || response.statusCode! >= 400 || location === undefined) return response;
    response.destroy();
    // Who is elsewhere must not lead to what only this machine can reach.
    if (!beginsHere) refused = isNear;
    at = new URL(location, at);
  }
  throw new Error(`more than ${MOST_REDIRECTS} redirects`);
}

/** The reason not to connect to an address. */
type Refused = (address: string) => string | undefined;

function request(
  at: URL,
  { refused, signal, login }: { refused: Refused; signal: AbortSignal; login: string | undefined },
): Promise<IncomingMessage> {
  if (at.protocol !== "http:" && at.protocol !== "https:") return Promise.reject(new Error(`${at.protocol}// is refused`));
  const host = at.hostname.replace(/^\[|\]$/g, "");
  const reason = isIP(host) ? refused(host) : undefined;
  if (reason !== undefined) return Promise.reject(new Error(reason));
  const ask = at.protocol === "http:" ? httpGet : httpsGet;
  return new Promise((resolve, reject) => {
    const headers = { "user-agent": "berth", ...(login !== undefined && { authorization: login }) };
    ask(at, { signal, lookup: guarded(refused), headers }, resolve).once("error", reject);
  });
}

/** Looks at the address that is really connected to, so that a name cannot change its mind in between. */
function guarded(refused: Refused): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      const reason = error ? undefined : addresses.map(({ address }) => refused(address)).find((each) => each !== undefined);
      if (error || reason !== undefined) callback(error ?? new Error(reason), "", 4);
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

/** Never connected to. */
export function isLinkLocal(address: string): string | undefined {
  return linkLocal.check(...familyOf(address)) ? `the link-local address ${address} is refused` : undefined;
}

/** Not connected to when somebody else's server leads there. */
export function isNear(address: string): string | undefined {
  return isLinkLocal(address) ?? (isLoopback(address) ? `the redirect to this machine's ${address} is refused` : undefined);
}

function isLoopback(address: string): boolean {
  return loopback.check(...familyOf(address));
}

function familyOf(address: string): [string, "ipv4" | "ipv6"] {
  return [address, isIP(address) === 6 ? "ipv6" : "ipv4"];
}
