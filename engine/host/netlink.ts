/**
 * The bytes of rtnetlink: pure builders and readers, no kernel calls. `netlink-socket.ts` sends them.
 * Numbers are in the machine's byte order (little endian on every platform that Berth runs on), addresses in network order.
 * @see https://docs.kernel.org/userspace-api/netlink/intro.html
 */

/** One request without its sequence number, which the socket fills in. `what` names it in errors. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  readonly what: string;
}

/** One message of an answer. */
export interface NetlinkReply {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const IFLA = { address: 1, ifname: 3, mtu: 4, master: 10, protinfo: 12, linkinfo: 18, group: 27, netNsFd: 28, txQueues: 31, rxQueues: 32 };
const IFLA_INFO = { kind: 1, data: 2 };
const IFLA_BR_MCAST_SNOOPING = 23;
const IFLA_BRPORT_STATE = 1;
const BR_STATE_DISABLED = 0;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const IFA = { address: 1, local: 2, broadcast: 4 };
const IFA_F_NODAD = 2;
const RTA = { dst: 1, oif: 4, gateway: 5, priority: 6, table: 15 };
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_ANY = 255;
const RTN_UNICAST = 1;
const AF_BRIDGE = 7;
const AF_INET = 2;
const AF_INET6 = 10;

/** An attribute: length, type, payload, padded to four bytes. */
export function attribute(type: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc((payload.length + 7) & ~3);
  bytes.writeUInt16LE(payload.length + 4, 0);
  bytes.writeUInt16LE(type, 2);
  payload.copy(bytes, 4);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...attributes: Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** A string attribute's payload: the text and its NUL. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, "utf8");
}

/** The attributes of a reply's body by type, nested ones still packed; the last of a type wins. */
export function attributesOf(body: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= body.length;) {
    const length = body.readUInt16LE(at);
    if (length < 4) break;
    found.set(body.readUInt16LE(at + 2) & NLA_TYPE_MASK, body.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** The whole datagram for `messages`, numbered from `sequence` on. */
export function datagram(messages: readonly NetlinkMessage[], sequence: number): Buffer {
  return Buffer.concat(
    messages.map(({ type, flags, body }, index) => {
      const bytes = Buffer.alloc(16 + ((body.length + 3) & ~3));
      bytes.writeUInt32LE(16 + body.length, 0);
      bytes.writeUInt16LE(type, 4);
      bytes.writeUInt16LE(flags | NLM_F_REQUEST, 6);
      bytes.writeUInt32LE(sequence + index, 8);
      body.copy(bytes, 16);
      return bytes;
    }),
  );
}

/** Splits what the kernel sent; bodies are copies, so the receive buffer may be used again. */
export function repliesOf(bytes: Buffer): NetlinkReply[] {
  const replies: NetlinkReply[] = [];
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < 16) break;
    replies.push({
      type: bytes.readUInt16LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      body: Buffer.from(bytes.subarray(at + 16, at + length)),
    });
    at += (length + 3) & ~3;
  }
  return replies;
}

export interface LinkOptions {
  readonly name: string;
  /** A fixed interface index, so that later messages of the same datagram can name it. */
  readonly index?: number;
  /** `02:42:ac:11:00:02` */
  readonly mac?: string;
  readonly mtu?: number;
}

function ifinfo(index: number, up: boolean): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(up ? IFF_UP : 0, 8);
  bytes.writeUInt32LE(up ? IFF_UP : 0, 12);
  return bytes;
}

function linkAttributes({ name, mac, mtu }: LinkOptions): Buffer[] {
  const attributes = [attribute(IFLA.ifname, text(name))];
  if (mac) attributes.push(attribute(IFLA.address, Buffer.from(mac.replaceAll(":", ""), "hex")));
  if (mtu) attributes.push(attribute(IFLA.mtu, u32(mtu)));
  return attributes;
}

function newLink(options: LinkOptions, kind: string, data: Buffer[]): Buffer {
  return Buffer.concat([
    ifinfo(options.index ?? 0, true),
    ...linkAttributes(options),
    nested(IFLA.linkinfo, attribute(IFLA_INFO.kind, text(kind)), nested(IFLA_INFO.data, ...data)),
  ]);
}

/** A bridge, up. Its MAC is fixed when given: otherwise it would change as ports come and go. */
export function addBridge(options: LinkOptions): NetlinkMessage {
  const data = [attribute(IFLA_BR_MCAST_SNOOPING, Buffer.from([0]))];
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: newLink(options, "bridge", data),
    what: `create bridge ${options.name}`,
  };
}

/** A veth pair: `options` is made, up, in the socket's namespace; its peer, down, in the namespace of the open descriptor `peerNs`. */
export function addVeth(options: LinkOptions, peer: LinkOptions, peerNs: number): NetlinkMessage {
  const queues = [attribute(IFLA.txQueues, u32(1)), attribute(IFLA.rxQueues, u32(1))];
  const peerInfo = Buffer.concat([
    ifinfo(peer.index ?? 0, false),
    ...linkAttributes(peer),
    attribute(IFLA.netNsFd, u32(peerNs)),
    ...queues,
  ]);
  const body = Buffer.concat([newLink(options, "veth", [nested(VETH_INFO_PEER, peerInfo)]), ...queues]);
  return { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body, what: `create interface ${options.name}` };
}

/** Sets the link up, and into the bridge of index `master` when given. */
export function setUp(name: string, master?: number): NetlinkMessage {
  const attributes = [attribute(IFLA.ifname, text(name))];
  if (master !== undefined) attributes.push(attribute(IFLA.master, u32(master)));
  return { type: RTM_NEWLINK, flags: 0, body: Buffer.concat([ifinfo(0, true), ...attributes]), what: `set ${name} up` };
}

export function deleteLink(name: string): NetlinkMessage {
  const body = Buffer.concat([ifinfo(0, false), attribute(IFLA.ifname, text(name))]);
  return { type: RTM_DELLINK, flags: 0, body, what: `delete interface ${name}` };
}

/**
 * Cuts a bridge port off at once and marks it for deleteGroup(): deleting a veth waits tens of milliseconds for the kernel,
 * this does not.
 */
export function retirePort(index: number, group: number): NetlinkMessage[] {
  const what = `retire interface ${index}`;
  const port = ifinfo(index, false);
  port[0] = AF_BRIDGE;
  port.writeUInt32LE(0, 12);
  const still = ifinfo(index, false);
  still.writeUInt32LE(0, 12);
  const state = nested(IFLA.protinfo, attribute(IFLA_BRPORT_STATE, Buffer.from([BR_STATE_DISABLED])));
  // The group comes first: changing it wakes the bridge, which would put a disabled port back to forwarding.
  return [
    { type: RTM_SETLINK, flags: 0, body: Buffer.concat([still, attribute(IFLA.group, u32(group))]), what },
    { type: RTM_SETLINK, flags: 0, body: Buffer.concat([port, state]), what },
  ];
}

/** Deletes every interface of a group with a single wait; ENODEV when there is none. */
export function deleteGroup(group: number): NetlinkMessage {
  return {
    type: RTM_DELLINK,
    flags: 0,
    body: Buffer.concat([ifinfo(0, false), attribute(IFLA.group, u32(group))]),
    what: "delete retired interfaces",
  };
}

export function getLinks(): NetlinkMessage {
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, body: ifinfo(0, false), what: "list interfaces" };
}

export function getLink(name: string): NetlinkMessage {
  const body = Buffer.concat([ifinfo(0, false), attribute(IFLA.ifname, text(name))]);
  return { type: RTM_GETLINK, flags: 0, body, what: `find interface ${name}` };
}

/** `10.0.0.1` or `fd00::1` with the length of its network, for the interface of `index`. */
export interface LinkAddress {
  readonly address: string;
  readonly prefix: number;
}

/** Gives an interface an address; IPv6 ones are usable at once (no duplicate detection: the allocator knows). */
export function addAddress(index: number, { address, prefix }: LinkAddress): NetlinkMessage {
  return addressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, { index, address, prefix });
}

export function deleteAddress(index: number, { address, prefix }: LinkAddress): NetlinkMessage {
  return addressMessage(RTM_DELADDR, 0, { index, address, prefix });
}

function addressMessage(type: number, flags: number, { index, address, prefix }: LinkAddress & { index: number }): NetlinkMessage {
  const bytes = addressBytes(address);
  const v4 = bytes.length === 4;
  const head = Buffer.from([v4 ? AF_INET : AF_INET6, prefix, v4 ? 0 : IFA_F_NODAD, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(index, 4);
  const attributes = [attribute(IFA.local, bytes), attribute(IFA.address, bytes)];
  if (v4 && prefix < 31 && type === RTM_NEWADDR) {
    const broadcast = Buffer.alloc(4);
    broadcast.writeUInt32BE((bytes.readUInt32BE() | (0xffffffff >>> prefix)) >>> 0);
    attributes.push(attribute(IFA.broadcast, broadcast));
  }
  return { type, flags, body: Buffer.concat([head, ...attributes]), what: `set address ${address}/${prefix}` };
}

export function getAddresses(): NetlinkMessage {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, body: Buffer.alloc(8), what: "list addresses" };
}

export interface Route {
  /** `0.0.0.0/0` or `::/0` for the default route. */
  readonly to: string;
  readonly via?: string;
  readonly index: number;
  /** Lower wins. */
  readonly metric?: number;
}

export function addRoute(route: Route): NetlinkMessage {
  return routeMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

/** Deletes a route, whatever its next hop when none is said. */
export function deleteRoute(route: Route): NetlinkMessage {
  return routeMessage(RTM_DELROUTE, 0, route);
}

function routeMessage(type: number, flags: number, { to, via, index, metric }: Route): NetlinkMessage {
  const [destination = "", length = "0"] = to.split("/");
  const bytes = addressBytes(destination);
  const family = bytes.length === 4 ? AF_INET : AF_INET6;
  const scope = type === RTM_DELROUTE ? RT_SCOPE_ANY : via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  const head = Buffer.from([family, Number(length), 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0, 0, 0, 0]);
  const attributes = [attribute(RTA.oif, u32(index))];
  if (Number(length) > 0) attributes.push(attribute(RTA.dst, bytes));
  if (via) attributes.push(attribute(RTA.gateway, addressBytes(via)));
  if (metric !== undefined) attributes.push(attribute(RTA.priority, u32(metric)));
  return { type, flags, body: Buffer.concat([head, ...attributes]), what: `set route to ${to}` };
}

export function getRoutes(): NetlinkMessage {
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, body: Buffer.alloc(12), what: "list routes" };
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `bridge`, `veth`, `tun`…; empty for plain devices. */
  readonly kind: string;
  readonly master: number;
  readonly mtu: number;
  /** Empty for devices without one. */
  readonly mac: string;
}

export function readLink(reply: NetlinkReply): Link {
  const found = attributesOf(reply.body.subarray(16));
  const info = found.get(IFLA.linkinfo);
  return {
    index: reply.body.readInt32LE(4),
    name: string(found.get(IFLA.ifname)),
    kind: info ? string(attributesOf(info).get(IFLA_INFO.kind)) : "",
    master: found.get(IFLA.master)?.readUInt32LE() ?? 0,
    mtu: found.get(IFLA.mtu)?.readUInt32LE() ?? 0,
    mac: found.get(IFLA.address)?.toString("hex").match(/../g)?.join(":") ?? "",
  };
}

/** An address of a reply to getAddresses(). */
export function readAddress(reply: NetlinkReply): LinkAddress & { index: number } {
  const found = attributesOf(reply.body.subarray(8));
  const bytes = found.get(IFA.local) ?? found.get(IFA.address) ?? Buffer.alloc(4);
  return { index: reply.body.readUInt32LE(4), address: addressText(bytes), prefix: reply.body[1] ?? 0 };
}

/** A unicast route of the main table of a reply to getRoutes(); undefined for local, broadcast and other tables' routes. */
export function readRoute(reply: NetlinkReply): Route | undefined {
  const found = attributesOf(reply.body.subarray(12));
  const table = found.get(RTA.table)?.readUInt32LE() ?? reply.body[4];
  if (table !== RT_TABLE_MAIN || reply.body[7] !== RTN_UNICAST) return undefined;
  const destination = found.get(RTA.dst) ?? Buffer.alloc(reply.body[0] === AF_INET ? 4 : 16);
  const gateway = found.get(RTA.gateway);
  return {
    to: `${addressText(destination)}/${reply.body[1]}`,
    index: found.get(RTA.oif)?.readUInt32LE() ?? 0,
    ...(gateway ? { via: addressText(gateway) } : {}),
  };
}

function string(bytes: Buffer | undefined): string {
  return bytes ? bytes.toString("utf8").replace(/\0.*$/s, "") : "";
}

/** Four or sixteen bytes in network order. The text has been checked where it entered. */
export function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const left = head.split(":").filter(Boolean);
  const right = tail.split(":").filter(Boolean);
  const words = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Buffer.from(words.map((word) => word.padStart(4, "0")).join(""), "hex");
}

/** The address of four or sixteen bytes, IPv6 in its long form without leading zeros. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  return Array.from({ length: 8 }, (_, word) => bytes.readUInt16BE(word * 2).toString(16)).join(":");
}
