/**
 * ADD of a URL. Only http and https, redirects included, and never an address that only this machine or its cloud can
 * reach by link-local routing: the Dockerfile may be a stranger's.
 */
import { createHash, randomUUID } from "node:crypto";
import { lookup } from "node:dns";
import { createWriteStream, rmSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { get as httpGet } from "node:http";
import type { IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../errors.ts";
import { DirectoryTree } from "./directory-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";
import { httpAuthorization } from "./remote-access.ts";
import type { Access } from "./remote-access.ts";

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

export interface DownloadOptions {
  readonly checksum: string | undefined;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly access?: Access;
  /** Is told the digest of what came. */
  readonly tell?: (digest: string) => void;
}

/**
 * Downloads into a directory of its own and shows it as a tree of one file, mode 0600 as Docker has it. Closing the tree
 * deletes it.
 * @throws {EngineError} invalid for what is refused, a status other than 200, or another checksum
 */
export async function download(url: string, { checksum, directory, signal, access = {}, tell }: DownloadOptions): Promise<FileTree> {
  const own = join(directory, randomUUID());
  await mkdir(own, { mode: 0o700 });
  try {
    const response = await follow(url, { signal, access });
    const name = fileName(url);
    const path = join(own, name);
    const hash = createHash("sha256");
    response.on("data", (chunk: Buffer) => hash.update(chunk));
    await pipeline(response, createWriteStream(path, { mode: 0o600 }), { signal });
    const digest = `sha256:${hash.digest("hex")}`;
    if (checksum !== undefined && checksum !== digest) {
      throw new EngineError("invalid", `digest mismatch sha256:${digest.slice(7)}: ${checksum}`);
    }
    tell?.(digest);
    return new DownloadedTree(own, modifiedSeconds(response));
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
}

function modifiedSeconds(response: IncomingMessage): number {
  const time = Date.parse(response.headers["last-modified"] ?? "");
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

/** The last component of the URL's path. @throws {EngineError} invalid when there is none */
function fileName(url: string): string {
  const name = decodeURIComponent(basename(new URL(url).pathname));
  return name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0") ? "__unnamed__" : name;
}

async function follow(url: string, { signal, access }: { signal: AbortSignal; access: Access }): Promise<IncomingMessage> {
  let at = new URL(url);
  const { origin } = at;
  const authorization = await httpAuthorization(access, at.hostname);
  let beginsHere = false;
  let refused: Refused = (address) => {
    beginsHere ||= isLoopback(address);
    return isLinkLocal(address);
  };
  for (let count = 0; count <= MOST_REDIRECTS; count++) {
    // Who the first server sends elsewhere does not take the login along.
    const login = at.origin === origin ? authorization : undefined;
    const response = await request(at, { refused, signal, login }).catch((error: Error) => {
      signal.throwIfAborted();
      throw new EngineError("invalid", `Cannot download ${url}: ${error.message}`, { cause: error });
    });
    if (response.statusCode === 200) return response;
    response.destroy();
    const { location } = response.headers;
    // Who is elsewhere must not lead to what only this machine can reach.
    if (!beginsHere) refused = isNear;
    if (response.statusCode! < 300 || response.statusCode! >= 400 || location === undefined) {
      throw new EngineError("invalid", `invalid response status ${response.statusCode}`);
    }
    at = new URL(location, at);
  }
  throw new EngineError("invalid", `Cannot download ${url}: more than ${MOST_REDIRECTS} redirects`);
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
  const get = at.protocol === "http:" ? httpGet : httpsGet;
  return new Promise((resolve, reject) => {
    const headers = { "user-agent": "berth", ...(login !== undefined && { authorization: login }) };
    get(at, { signal, lookup: guarded(refused), headers }, resolve).once("error", reject);
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

class DownloadedTree extends DirectoryTree {
  readonly #directory: string;
  readonly #mtimeSeconds: number;

  constructor(directory: string, mtimeSeconds: number) {
    super(directory, { owner: "root" });
    this.#directory = directory;
    this.#mtimeSeconds = mtimeSeconds;
  }

  override entry(path: string): TreeEntry | undefined {
    const entry = super.entry(path);
    return entry?.type === "file" ? { ...entry, mtimeSeconds: this.#mtimeSeconds } : entry;
  }

  override close(): void {
    super.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
