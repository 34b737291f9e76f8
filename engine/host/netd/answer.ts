/**
 * What to say to a DNS question: pure, from the question's bytes and the names.
 * A known name without an address of the asked type is "no data", never "no such name": musl and glibc give up on the latter.
 */
import dns from "dns-packet";
import type { Answer, DecodedPacket } from "dns-packet";
import type { Client, Names } from "./names.ts";

/** Seconds. Docker says 600, but resolvers that keep answers (Java, Node caches) then miss restarted containers. */
const TTL = 5;
const HOST_NAMES = new Set(["host.docker.internal", "gateway.docker.internal"]);
const SMALLEST_UDP_BYTES = 512;

export const RCODE = { FORMERR: 1, SERVFAIL: 2, NOTIMP: 4, REFUSED: 5 } as const;

export type Verdict =
  | { readonly kind: "answer"; readonly bytes: Buffer }
  /** Ask outside. */
  | { readonly kind: "forward" }
  /** Not even a header: say nothing. */
  | { readonly kind: "drop" };

export interface Asked {
  readonly bytes: Buffer;
  readonly client: Client | undefined;
  readonly transport: "udp" | "tcp";
}

/** @param hostAddress what `host.docker.internal` is, empty for unknown */
export function answer({ bytes, client, transport }: Asked, names: Names, hostAddress: string): Verdict {
  if (bytes.length < 12 || (bytes[2]! & 0x80) !== 0) return { kind: "drop" };
  const query = decode(bytes);
  const question = query?.questions?.[0];
  if (!query || query.questions?.length !== 1 || !question) return { kind: "answer", bytes: refusal(bytes, RCODE.FORMERR) };
  if (((bytes[2]! >> 3) & 15) !== 0) return { kind: "answer", bytes: refusal(bytes, RCODE.NOTIMP) };
  const name = question.name.toLowerCase().replace(/\.$/, "");
  const found = known({ name, type: question.type }, client, names, hostAddress);
  if (found) return { kind: "answer", bytes: response(query, recordsOf(found, question), sizeLimit(query, transport)) };
  return client && !client.outside ? { kind: "answer", bytes: refusal(bytes, RCODE.SERVFAIL) } : { kind: "forward" };
}

/** The same question with an error code for an answer. */
export function refusal(query: Buffer, code: number): Buffer {
  const bytes = Buffer.from(query.subarray(0, questionEnd(query)));
  bytes[2] = (bytes[2]! & 0x79) | 0x80;
  bytes[3] = 0x80 | code;
  const questions = bytes.length > 12 ? 1 : 0;
  bytes.writeUInt16BE(questions, 4);
  bytes.fill(0, 6, 12);
  return bytes;
}

/** Where the first question ends; 12, the header's end, when it is broken. */
function questionEnd(bytes: Buffer): number {
  let at = 12;
  while (at < bytes.length && bytes[at] !== 0 && bytes[at]! < 0x40) at += bytes[at]! + 1;
  return bytes[at] === 0 && at + 5 <= bytes.length ? at + 5 : 12;
}

function decode(bytes: Buffer): DecodedPacket | undefined {
  try {
    return dns.decode(bytes);
  } catch {
    return undefined;
  }
}

type Found = { readonly addresses: readonly string[] } | { readonly pointer: string };

function known(
  { name, type }: { name: string; type: string },
  client: Client | undefined,
  names: Names,
  hostAddress: string,
): Found | undefined {
  if (HOST_NAMES.has(name)) return { addresses: hostAddress ? [hostAddress] : [] };
  if (!client) return undefined;
  const reversed = addressOfPointer(name);
  const pointer = reversed && names.reverse(client, reversed);
  if (pointer) return { pointer };
  const addresses = names.lookup(client, name, type);
  return addresses && { addresses };
}

/** `2.0.17.172.in-addr.arpa` → `172.17.0.2`, and the same of IPv6, written as the table has it. */
function addressOfPointer(name: string): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (v4) return v4.slice(1, 5).toReversed().join(".");
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  const words = v6?.split(".").toReversed().join("").match(/.{4}/g);
  return words ? canonical(words.join(":")) : undefined;
}

/** The URL parser writes IPv6 as RFC 5952 wants it. */
function canonical(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function recordsOf(found: Found, question: { type: string; name: string }): Answer[] {
  const common = { name: question.name, ttl: TTL };
  if ("pointer" in found)
    return question.type === "PTR" || question.type === "ANY" ? [{ ...common, type: "PTR", data: found.pointer }] : [];
  return found.addresses.flatMap((data): Answer[] => {
    const type = data.includes(":") ? "AAAA" : "A";
    return question.type === type || question.type === "ANY" ? [{ ...common, type, data }] : [];
  });
}

function sizeLimit(query: DecodedPacket, transport: "udp" | "tcp"): number {
  if (transport === "tcp") return 65535;
  const edns = query.additionals?.find(({ type }) => type === "OPT");
  return Math.max(SMALLEST_UDP_BYTES, edns && "udpPayloadSize" in edns ? edns.udpPayloadSize : 0);
}

function response(query: DecodedPacket, answers: Answer[], limit: number): Buffer {
  const edns = query.additionals?.some(({ type }) => type === "OPT") ? [optRecord] : [];
  const packet = {
    type: "response" as const,
    id: query.id ?? 0,
    flags: (query.flag_rd ? dns.RECURSION_DESIRED : 0) | dns.RECURSION_AVAILABLE,
    questions: query.questions ?? [],
    additionals: edns,
  };
  const whole = dns.encode({ ...packet, answers });
  if (whole.length <= limit) return whole;
  // Resolvers that never ask again over TCP, as musl's before 1.2.4, make do with what fits.
  const cut = (count: number): Buffer =>
    dns.encode({ ...packet, flags: packet.flags | dns.TRUNCATED_RESPONSE, answers: answers.slice(0, count) });
  const empty = cut(0).length;
  let count = Math.floor((limit - empty) / (cut(1).length - empty));
  while (count > 0 && cut(count).length > limit) count--;
  return cut(count);
}

const optRecord = {
  type: "OPT" as const,
  name: ".",
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};
