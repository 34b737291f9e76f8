/**
 * Addresses and prefixes of both families as numbers. Pure.
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A network: `value` may have host bits; `masked()` clears them. */
export interface Prefix extends Address {
  readonly length: number;
}

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** undefined for what is no address; zones (`%eth0`) are refused. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: text.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = withoutDots(text).split("::");
  const left = head.split(":").filter(Boolean);
  const right = tail?.split(":").filter(Boolean) ?? [];
  const words = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return { family: 6, value: words.reduce((sum, word) => sum * 65536n + BigInt(`0x${word}`), 0n) };
}

/** `::ffff:1.2.3.4` with its last part in words. */
function withoutDots(text: string): string {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const low = dotted?.[2] ? parseAddress(dotted[2]) : undefined;
  return low && dotted ? `${dotted[1]}${(low.value >> 16n).toString(16)}:${(low.value & 0xffffn).toString(16)}` : text;
}

export function parsePrefix(text: string): Prefix | undefined {
  const [, address = "", digits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  if (!parsed || Number(digits) > bitsOf(parsed.family)) return undefined;
  return { ...parsed, length: Number(digits) };
}

/** The canonical spelling: RFC 5952 for IPv6. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const words = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const zeros = [...words.join(":").matchAll(/\b0(:0)+\b/g)].map(([run]) => run).sort((a, b) => b.length - a.length)[0];
  const joined = words.join(":");
  if (!zeros) return joined;
  const at = joined.search(new RegExp(`(^|:)${zeros}(:|$)`));
  const from = joined[at] === ":" ? at + 1 : at;
  return `${joined.slice(0, from).replace(/:$/, "")}::${joined.slice(from + zeros.length).replace(/^:/, "")}`;
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** How many addresses the prefix has. */
export function sizeOf({ family, length }: Prefix): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

/** The prefix without host bits: its first address. */
export function masked(prefix: Prefix): Prefix {
  const size = sizeOf(prefix);
  return { ...prefix, value: (prefix.value / size) * size };
}

export function contains(prefix: Prefix, address: Address): boolean {
  const first = masked(prefix).value;
  return prefix.family === address.family && address.value >= first && address.value < first + sizeOf(prefix);
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, masked(b)) || contains(b, masked(a));
}
