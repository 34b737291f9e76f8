/**
 * Firewall rules as data, and the nf_tables messages that load a table of them in one atomic step: what `nft -f` would send,
 * without a process, and without text into which a name could smuggle a rule.
 * @see https://wiki.nftables.org/wiki-nftables/index.php/Portal:DeveloperDocs/nftables_internals
 */
import { isIPv4 } from "node:net";
import type { NetlinkMessage } from "./netlink.ts";
import { NLM_F_ACK, NLM_F_CREATE, addressBytes, attribute, nested, text } from "./netlink.ts";

export interface NftTable {
  readonly family: "inet" | "ip";
  readonly name: string;
  readonly chains: readonly NftChain[];
  /**
   * The kernel removes the table with the socket that loaded it, and lets nobody else change or flush it (Linux 5.12).
   */
  readonly owned?: boolean;
}

export interface NftChain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: keyof typeof hooks;
  readonly priority: number;
  readonly policy: "accept" | "drop";
  readonly rules: readonly NftRule[];
}

export interface NftRule {
  /** Interface names; `bb*` stands for every name that begins so. */
  readonly iif?: string;
  readonly notIif?: string;
  readonly oif?: string;
  readonly notOif?: string;
  /** `10.0.0.0/8`, `fd00::/8` or a single address. */
  readonly from?: string;
  readonly to?: string;
  /** Any IPv4 address of this machine. */
  readonly toLocal?: true;
  readonly state?: readonly (keyof typeof states)[];
  /** Connections whose destination was rewritten. */
  readonly redirected?: true;
  readonly protocol?: keyof typeof protocols;
  /** Destination port; needs `protocol`. */
  readonly port?: number;
  /** TCP segments with none of FIN, SYN, RST and ACK. */
  readonly flagless?: true;
  readonly verdict: "accept" | "drop" | "reject" | "masquerade" | { readonly dnat: string; readonly port: number };
}

const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const states = { invalid: 1, established: 2, related: 4, new: 8 } as const;
const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
const families = { inet: 1, ip: 2 } as const;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;

const NFT_SUBSYSTEM = 10 << 8;
const message = { batchBegin: 0x10, batchEnd: 0x11, newTable: 0, deleteTable: 2, newChain: 3, newRule: 6 };
const NLM_F_APPEND = 0x800;
const TABLE_OWNER = 2;
const meta = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 };
const FIB_RESULT_ADDRTYPE = 3;
const FIB_DADDR = 2;
const RTN_LOCAL = 2;
const CT_STATUS = 2;
const IPS_DST_NAT = 1 << 5;
const compare = { equal: 0, notEqual: 1 };
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const TCP_FLAGS_OFFSET = 13;
const FIN_SYN_RST_ACK = 0x17;
const ICMPX_PORT_UNREACHABLE = 1;
const verdicts = { drop: 0, accept: 1 };

function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function be16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** An expression of a rule; its attributes are numbered, integers are big endian. */
function expression(name: string, ...attributes: [number, Buffer | number][]): Buffer {
  const data = attributes.map(([type, value]) =>
    typeof value === "number" ? attribute(type, be32(value)) : attribute(type | 0x8000, value),
  );
  return nested(1, attribute(1, text(name)), nested(2, ...data));
}

const value = (bytes: Buffer): Buffer => attribute(1, bytes);
const loadMeta = (key: number): Buffer => expression("meta", [2, key], [1, 1]);
const isEqual = (bytes: Buffer, operator = compare.equal): Buffer => expression("cmp", [1, 1], [2, operator], [3, value(bytes)]);
const mask = (bytes: Buffer): Buffer =>
  expression("bitwise", [1, 1], [2, 1], [3, bytes.length], [4, value(bytes)], [5, value(Buffer.alloc(bytes.length))]);
const loadPayload = (base: number, offset: number, length: number): Buffer =>
  expression("payload", [1, 1], [2, base], [3, offset], [4, length]);

function interfaceIs(key: number, name: string, operator = compare.equal): Buffer[] {
  const bytes = Buffer.alloc(16);
  bytes.write(name);
  return [loadMeta(key), isEqual(name.endsWith("*") ? Buffer.from(name.slice(0, -1)) : bytes, operator)];
}

function addressIs(family: NftTable["family"], side: "from" | "to", prefix: string): Buffer[] {
  const [address = "", length] = prefix.split("/");
  const bytes = addressBytes(address);
  const v4 = isIPv4(address);
  const offset = (v4 ? 12 : 8) + (side === "to" ? bytes.length : 0);
  const bits = Number(length ?? bytes.length * 8);
  const maskBytes = Buffer.from(bytes.map((_, index) => (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff));
  const isFamily = family === "inet" ? [loadMeta(meta.nfproto), isEqual(Buffer.from([v4 ? NFPROTO_IPV4 : NFPROTO_IPV6]))] : [];
  return [...isFamily, loadPayload(NETWORK_HEADER, offset, bytes.length), mask(maskBytes), isEqual(bytes)];
}

/** Numbers of the kernel's own are in the machine's byte order. */
function le32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

const isIpv4Packet = (): Buffer[] => [loadMeta(meta.nfproto), isEqual(Buffer.from([NFPROTO_IPV4]))];

function stateIn(wanted: readonly (keyof typeof states)[]): Buffer[] {
  const CT_STATE = 0;
  const bits = wanted.reduce((sum, state) => sum | states[state], 0);
  return bitSet(CT_STATE, bits);
}

/** Any of `bits` of a property of the connection. */
function bitSet(key: number, bits: number): Buffer[] {
  return [expression("ct", [2, key], [1, 1]), mask(le32(bits)), isEqual(Buffer.alloc(4), compare.notEqual)];
}

function matches(family: NftTable["family"], rule: NftRule): Buffer[] {
  const all: Buffer[] = [];
  if (rule.iif) all.push(...interfaceIs(meta.iifname, rule.iif));
  if (rule.notIif) all.push(...interfaceIs(meta.iifname, rule.notIif, compare.notEqual));
  if (rule.oif) all.push(...interfaceIs(meta.oifname, rule.oif));
  if (rule.notOif) all.push(...interfaceIs(meta.oifname, rule.notOif, compare.notEqual));
  if (rule.from) all.push(...addressIs(family, "from", rule.from));
  if (rule.to) all.push(...addressIs(family, "to", rule.to));
  if (rule.toLocal)
    all.push(...isIpv4Packet(), expression("fib", [1, 1], [2, FIB_RESULT_ADDRTYPE], [3, FIB_DADDR]), isEqual(le32(RTN_LOCAL)));
  if (rule.state) all.push(...stateIn(rule.state));
  if (rule.redirected) all.push(...bitSet(CT_STATUS, IPS_DST_NAT));
  if (rule.protocol) all.push(loadMeta(meta.l4proto), isEqual(Buffer.from([protocols[rule.protocol]])));
  if (rule.port !== undefined) all.push(loadPayload(TRANSPORT_HEADER, 2, 2), isEqual(be16(rule.port)));
  if (rule.flagless)
    all.push(loadPayload(TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1), mask(Buffer.from([FIN_SYN_RST_ACK])), isEqual(Buffer.from([0])));
  return all;
}

function statement(verdict: NftRule["verdict"]): Buffer[] {
  if (verdict === "masquerade") return [expression("masq")];
  if (verdict === "reject")
    return [nested(1, attribute(1, text("reject")), nested(2, attribute(1, be32(2)), attribute(2, Buffer.from([ICMPX_PORT_UNREACHABLE]))))];
  if (typeof verdict === "string") return [expression("immediate", [1, 0], [2, nested(2, attribute(1, be32(verdicts[verdict])))])];
  return [
    expression("immediate", [1, 1], [2, value(addressBytes(verdict.dnat))]),
    expression("immediate", [1, 2], [2, value(be16(verdict.port))]),
    expression("nat", [1, 1], [2, isIPv4(verdict.dnat) ? NFPROTO_IPV4 : NFPROTO_IPV6], [3, 1], [5, 2]),
  ];
}

function nft(type: number, flags: number, details: { family: number; attributes: Buffer[]; what: string }): NetlinkMessage {
  const head = Buffer.from([details.family, 0, 0, 0]);
  return { type: NFT_SUBSYSTEM | type, flags, body: Buffer.concat([head, ...details.attributes]), what: details.what };
}

function edge(type: number, flags = 0): NetlinkMessage {
  return { type, flags, body: Buffer.from([0, 0, 0, NFT_SUBSYSTEM >> 8]), what: "load rules" };
}

function chainMessage(table: NftTable, chain: NftChain): NetlinkMessage {
  const attributes = [
    attribute(1, text(table.name)),
    attribute(3, text(chain.name)),
    nested(4, attribute(1, be32(hooks[chain.hook])), attribute(2, be32(chain.priority))),
    attribute(5, be32(verdicts[chain.policy])),
    attribute(7, text(chain.type)),
  ];
  return nft(message.newChain, NLM_F_CREATE, { family: families[table.family], attributes, what: `make chain ${chain.name}` });
}

function ruleMessage(table: NftTable, chain: NftChain, rule: NftRule): NetlinkMessage {
  const attributes = [
    attribute(1, text(table.name)),
    attribute(2, text(chain.name)),
    nested(4, ...matches(table.family, rule), ...statement(rule.verdict)),
  ];
  const what = `add a rule to chain ${chain.name}`;
  return nft(message.newRule, NLM_F_CREATE | NLM_F_APPEND, { family: families[table.family], attributes, what });
}

/** A batch for `NetlinkSocket.runBatch` that puts `table` in place of the one of its name, if there is one. */
export function replaceTable(table: NftTable): NetlinkMessage[] {
  return [...emptied(table), ...loaded(table)];
}

/** A batch that adds a table to a namespace that does not have it. */
export function addTable(table: NftTable): NetlinkMessage[] {
  return [edge(message.batchBegin), ...loaded(table)];
}

function loaded(table: NftTable): NetlinkMessage[] {
  const flags = table.owned ? [attribute(2, be32(TABLE_OWNER))] : [];
  return [
    tableMessage(message.newTable, NLM_F_CREATE, table, flags),
    ...table.chains.map((chain) => chainMessage(table, chain)),
    ...table.chains.flatMap((chain) => chain.rules.map((rule) => ruleMessage(table, chain, rule))),
    edge(message.batchEnd, NLM_F_ACK),
  ];
}

/** A batch that removes a table; one that is not there is fine. */
export function removeTable(table: Pick<NftTable, "family" | "name">): NetlinkMessage[] {
  return [...emptied(table), edge(message.batchEnd, NLM_F_ACK)];
}

/** Making a table that exists is no error, so make-then-delete is how nft says "delete if there". */
function emptied(table: Pick<NftTable, "family" | "name">): NetlinkMessage[] {
  return [edge(message.batchBegin), tableMessage(message.newTable, NLM_F_CREATE, table), tableMessage(message.deleteTable, 0, table)];
}

function tableMessage(type: number, flags: number, table: Pick<NftTable, "family" | "name">, more: Buffer[] = []): NetlinkMessage {
  const attributes = [attribute(1, text(table.name)), ...more];
  return nft(type, flags, { family: families[table.family], attributes, what: `load table ${table.name}` });
}
