/** Where a registry is and how it may be spoken to. */
import { BlockList, isIP } from "node:net";
import { DOCKER_HUB } from "../../syntax/reference.ts";

export interface RegistryOptions {
  /** Base addresses tried before Docker Hub, e.g. `https://mirror.example`; they get no credentials of Docker Hub. */
  mirrors?: readonly string[];
  /** Hosts (`name[:port]`), addresses or networks (CIDR) that may speak plain HTTP or have a certificate that nobody signed. */
  insecure?: readonly string[];
  /** The first pause before another attempt, in milliseconds; each is twice the one before. Default 500. */
  retryMs?: number;
  /** Proxy variables. Default: the process's. */
  env?: NodeJS.ProcessEnv;
}

export interface Endpoint {
  /** Without a path: `https://registry-1.docker.io`. */
  readonly url: string;
  /** Also try plain HTTP, and accept any certificate. */
  readonly insecure: boolean;
  /** A mirror gets no credentials and no pushes. */
  readonly mirror: boolean;
  /** The first pause before another attempt. */
  readonly retryMs: number;
}

const HUB_HOST = "registry-1.docker.io";

/** The addresses of a domain of references, in the order in which they are to be tried. */
export function endpointsOf(domain: string, options: RegistryOptions): Endpoint[] {
  const retryMs = options.retryMs ?? 500;
  const own: Endpoint = {
    url: `https://${domain === DOCKER_HUB ? HUB_HOST : domain}`,
    insecure: isInsecure(domain, options),
    mirror: false,
    retryMs,
  };
  if (domain !== DOCKER_HUB) return [own];
  const mirrors = (options.mirrors ?? []).map((url): Endpoint => {
    const { origin, host } = new URL(url);
    return { url: origin, insecure: isInsecure(host, options), mirror: true, retryMs };
  });
  return [...mirrors, own];
}

/** Loopback always is; a name is not looked up for this. */
export function isInsecure(domain: string, { insecure = [] }: RegistryOptions): boolean {
  const host = domain.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (host === "localhost" || insecure.includes(domain) || insecure.includes(host)) return true;
  const version = isIP(host);
  if (version === 0) return false;
  const networks = new BlockList();
  networks.addSubnet("127.0.0.0", 8, "ipv4");
  networks.addAddress("::1", "ipv6");
  for (const network of insecure) addNetwork(networks, network);
  return networks.check(host, version === 6 ? "ipv6" : "ipv4");
}

function addNetwork(networks: BlockList, text: string): void {
  const [address = "", prefix] = text.split("/");
  const version = isIP(address);
  if (version !== 0 && prefix !== undefined && /^\d{1,3}$/.test(prefix))
    networks.addSubnet(address, Number(prefix), version === 6 ? "ipv6" : "ipv4");
}
