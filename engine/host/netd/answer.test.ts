import assert from "node:assert/strict";
import { test } from "node:test";
import dns from "dns-packet";
import type { Packet, RecordType } from "dns-packet";
import { answer, refusal } from "./answer.ts";
import { Names } from "./names.ts";
import type { NetdSandbox } from "./protocol.ts";

const HOST = "192.0.2.7";

function sandbox(id: string, endpoints: [network: string, address: string, names: string[]][]): NetdSandbox {
  return {
    id,
    address: endpoints[0]?.[1] ?? "",
    servers: [],
    endpoints: endpoints.map(([network, address, names]) => ({ network, addresses: address.split(" "), names, links: { w: "web" } })),
  };
}

/** Two user networks, the default bridge and an internal one; three replicas of `api`. */
function town(): Names {
  const names = new Names();
  const network = { gateways: [], names: true, internal: false };
  names.setNetwork({ ...network, id: "F", name: "front" });
  names.setNetwork({ ...network, id: "B", name: "back" });
  names.setNetwork({ ...network, id: "D", name: "bridge", names: false });
  names.setNetwork({ ...network, id: "I", name: "vault", internal: true });
  names.setSandbox(sandbox("web", [["F", "10.1.0.2", ["web", "www", "abcdef123456"]]]));
  for (const number of [1, 2, 3]) names.setSandbox(sandbox(`api${number}`, [["F", `10.1.0.1${number}`, [`api-${number}`, "api"]]]));
  names.setSandbox(sandbox("db", [["B", "10.2.0.3 fd00:2::3", ["db"]]]));
  names.setSandbox(
    sandbox("both", [
      ["F", "10.1.0.9", ["both"]],
      ["B", "10.2.0.9", ["both"]],
    ]),
  );
  names.setSandbox(sandbox("plain", [["D", "10.3.0.2", ["plain"]]]));
  names.setSandbox(sandbox("sealed", [["I", "10.4.0.2", ["sealed"]]]));
  return names;
}

interface Question {
  readonly from?: string;
  readonly name: string;
  readonly type?: RecordType;
  readonly edns?: number;
  readonly transport?: "udp" | "tcp";
}

function query({ name, type = "A", edns }: Question): Buffer {
  const additionals: Packet["additionals"] = edns
    ? [{ type: "OPT", name: ".", udpPayloadSize: edns, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }]
    : [];
  return dns.encode({ type: "query", id: 4711, flags: dns.RECURSION_DESIRED, questions: [{ type, name }], additionals });
}

/** `forward`, `drop`, or the code and the data of the answers. */
function said(names: Names, question: Question, hostAddress = HOST): string {
  const client = names.client(question.from ?? "10.1.0.2");
  const verdict = answer({ bytes: query(question), client, transport: question.transport ?? "udp" }, names, hostAddress);
  if (verdict.kind !== "answer") return verdict.kind;
  const packet = dns.decode(verdict.bytes);
  assert.equal(packet.id, 4711);
  assert.equal(packet.type, "response");
  assert.equal(packet.questions?.[0]?.name, question.name);
  const data = (packet.answers ?? []).map((record) => ("data" in record ? String(record.data) : record.type));
  return [(packet as unknown as { rcode: string }).rcode, ...(packet.flag_tc ? ["TC"] : []), ...data].join(" ");
}

const cases: [what: string, question: Question, want: string][] = [
  ["a container's name", { name: "web" }, "NOERROR 10.1.0.2"],
  ["an alias", { name: "www" }, "NOERROR 10.1.0.2"],
  ["a short id", { name: "abcdef123456" }, "NOERROR 10.1.0.2"],
  ["capital letters", { name: "WeB" }, "NOERROR 10.1.0.2"],
  ["a name with its network", { name: "web.front" }, "NOERROR 10.1.0.2"],
  ["a link", { name: "W" }, "NOERROR 10.1.0.2"],
  ["a link to nobody by asking outside", { name: "w", from: "10.2.0.3" }, "forward"],
  ["no IPv6 address of a known name as no data", { name: "web", type: "AAAA" }, "NOERROR"],
  ["no mail exchanger of a known name as no data", { name: "web", type: "MX" }, "NOERROR"],
  ["an IPv6 address", { name: "db", type: "AAAA", from: "10.2.0.9" }, "NOERROR fd00:2::3"],
  ["a name on the client's second network", { name: "db", from: "10.1.0.9" }, "NOERROR 10.2.0.3"],
  ["a name that only another network has by asking outside", { name: "db" }, "forward"],
  ["a name with the wrong network by asking outside", { name: "web.back" }, "forward"],
  ["an unknown name by asking outside", { name: "example.org" }, "forward"],
  ["a stranger by asking outside", { name: "web", from: "10.9.9.9" }, "forward"],
  ["no container names on the default bridge", { name: "plain", from: "10.3.0.2" }, "forward"],
  ["the host's name on the default bridge", { name: "host.docker.internal", from: "10.3.0.2" }, `NOERROR ${HOST}`],
  ["the host's name on a user network", { name: "host.docker.internal" }, `NOERROR ${HOST}`],
  ["the host's IPv6 address as no data", { name: "host.docker.internal", type: "AAAA" }, "NOERROR"],
  ["an address backwards", { name: "2.0.1.10.in-addr.arpa", type: "PTR" }, "NOERROR web.front"],
  [
    "an IPv6 address backwards",
    { name: "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.0.0.d.f.ip6.arpa", type: "PTR", from: "10.2.0.9" },
    "NOERROR db.back",
  ],
  ["another network's address backwards by asking outside", { name: "3.0.2.10.in-addr.arpa", type: "PTR" }, "forward"],
  ["an unknown name on an internal network with failure", { name: "example.org", from: "10.4.0.2" }, "SERVFAIL"],
  ["a known name on an internal network", { name: "sealed", from: "10.4.0.2" }, "NOERROR 10.4.0.2"],
];
for (const [what, question, want] of cases)
  test(`answer() gives ${what}`, () => {
    assert.equal(said(town(), question), want);
  });

test("answer() says no data for the host's name when the host has no address", () => {
  assert.equal(said(town(), { name: "host.docker.internal" }, ""), "NOERROR");
});

test("answer() begins with another replica each time", () => {
  const names = town();
  const turns = [1, 2, 3].map(() => said(names, { name: "api" }).replaceAll("10.1.0.1", ""));
  assert.deepEqual(turns, ["NOERROR 1 2 3", "NOERROR 2 3 1", "NOERROR 3 1 2"]);
});

test("answer() forgets a replica that is gone, and only that one", () => {
  const names = town();
  names.removeSandbox("api2");
  assert.match(said(names, { name: "api" }), /^NOERROR 10\.1\.0\.1[13] 10\.1\.0\.1[13]$/);
  assert.equal(said(names, { name: "api-2" }), "forward");
});

test("answer() asks for TCP when the answer is too long for the datagram", () => {
  const names = town();
  for (let number = 0; number < 60; number++) names.setSandbox(sandbox(`many${number}`, [["F", `10.1.1.${number}`, ["many"]]]));
  // What fits into 512 bytes comes nevertheless.
  const cut = said(names, { name: "many" });
  assert.match(cut, /^NOERROR TC( 10\.1\.1\.\d+){20,31}$/);
  assert.ok(said(names, { name: "many", edns: 800 }).length > cut.length);
  assert.equal(said(names, { name: "many", edns: 4096 }).split(" ").length, 61);
  assert.equal(said(names, { name: "many", transport: "tcp" }).split(" ").length, 61);
});

const broken: [string, Buffer, string][] = [
  ["nothing", Buffer.alloc(0), "drop"],
  ["half a header", Buffer.alloc(11), "drop"],
  ["an answer", dns.encode({ type: "response", id: 1, questions: [{ type: "A", name: "web" }] }), "drop"],
  ["no question", dns.encode({ type: "query", id: 1, questions: [] }), "FORMERR"],
  ["a name that runs out of the packet", Buffer.from("000101000001000000000000" + "3f6161", "hex"), "FORMERR"],
  ["a name that points at itself", Buffer.from("000101000001000000000000" + "c00c00010001", "hex"), "FORMERR"],
  ["a zone transfer's notice", Buffer.from("000120000001000000000000" + "0161000001" + "0001", "hex"), "NOTIMP"],
];
for (const [what, bytes, want] of broken)
  test(`answer() meets ${what} with ${want}`, () => {
    const verdict = answer({ bytes, client: undefined, transport: "udp" }, town(), HOST);
    const shown = verdict.kind === "answer" ? (dns.decode(verdict.bytes) as unknown as { rcode: string }).rcode : verdict.kind;
    assert.equal(shown, want);
  });

test("refusal() keeps number, question and the wish for recursion", () => {
  const packet = dns.decode(refusal(query({ name: "a.b", edns: 4096 }), 2));
  assert.deepEqual(
    [packet.id, packet.questions?.[0]?.name, packet.flag_rd, packet.flag_ra, packet.additionals?.length],
    [4711, "a.b", true, true, 0],
  );
});
