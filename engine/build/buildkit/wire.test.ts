import assert from "node:assert/strict";
import { test } from "node:test";
import { Deframer, errorTrailers, frame, GrpcError, jsonDetail, metadataHeaders, readMetadata, trailersError } from "./grpc.ts";
import { ControlSolveRequest, Packet, Result, Status } from "./messages.ts";
import { big, bytes, flag, integer, many, message, name, one, text, textMap, texts } from "./wire.ts";

const Inner = message({ a: integer(1) });
const Sample = message({
  integer: integer(1),
  text: text(2),
  inner: one(3, Inner),
  flag: flag(4),
  texts: texts(5),
  map: textMap(6),
  big: big(7),
  inners: many(8, Inner),
  bytes: bytes(9),
  name: name(16),
});

/** Bytes as the specification of the encoding and protoc have them. */
const ENCODED: readonly [what: string, value: Parameters<typeof Sample.encode>[0], hex: string][] = [
  ["nothing", {}, ""],
  ["empty values are not written", { integer: 0, text: "", flag: false, texts: [], big: 0n }, ""],
  ["150", { integer: 150 }, "08 96 01"],
  ["2^32", { integer: 2 ** 32 }, "08 80 80 80 80 10"],
  ["a text", { text: "testing" }, "12 07 74657374696e67"],
  ["an embedded message", { inner: { a: 150 } }, "1a 03 08 96 01"],
  ["an empty embedded message is there", { inner: {} }, "1a 00"],
  ["a flag", { flag: true }, "20 01"],
  ["a list, an empty text in it", { texts: ["a", "", "b"] }, "2a 01 61 2a 00 2a 01 62"],
  ["a map", { map: { k: "v", e: "" } }, "32 06 0a 01 6b 12 01 76 32 03 0a 01 65"],
  ["nanoseconds", { big: 1_700_000_000_123_456_789n }, "38 95 9a 97 ec e3 9f e7 cb 17"],
  ["a negative number", { big: -1n }, "38 ff ff ff ff ff ff ff ff ff 01"],
  ["a list of messages", { inners: [{ a: 1 }, {}] }, "42 02 08 01 42 00"],
  ["bytes", { bytes: Buffer.from([0, 255]) }, "4a 02 00 ff"],
  ["a name that is no UTF-8, with a two-byte tag", { name: "\xff" }, "82 01 01 ff"],
];

for (const [what, value, hex] of ENCODED) {
  test(`wire: ${what}`, () => {
    const data = Buffer.from(hex.replaceAll(" ", ""), "hex");
    assert.equal(Sample.encode(value).toString("hex"), data.toString("hex"));
    const decoded = Sample.decode(data) as unknown as Record<string, unknown>;
    for (const [key, each] of Object.entries(value)) {
      if (key === "inner" || key === "inners") continue;
      assert.deepEqual(key === "map" ? { ...(decoded[key] as object) } : decoded[key], each);
    }
    assert.equal(Sample.encode(decoded as typeof value).toString("hex"), data.toString("hex"));
  });
}

test("wire: fields that nobody knows are skipped, of each kind", () => {
  const unknown = Buffer.from("a006 01 a106 0000000000000000 a206 02 6869 a506 00000000 08 05".replaceAll(" ", ""), "hex");
  assert.equal(Sample.decode(unknown).integer, 5);
});

for (const [what, hex] of [
  ["a text that is cut short", "12 07 74"],
  ["a number that is cut short", "08 96"],
  ["a number without an end", "08 ff ff ff ff ff ff ff ff ff ff ff"],
  ["a field of another kind", "12 01 74 0a 01 61"],
  ["a group", "0b"],
] as const)
  test(`wire: ${what} is refused`, () => {
    const data = Buffer.from(hex.replaceAll(" ", ""), "hex");
    assert.throws(() => Sample.decode(data), { kind: "invalid" });
  });

test("a map's key cannot be a prototype", () => {
  const { map } = Sample.decode(Sample.encode({ map: JSON.parse('{"__proto__":"x"}') as Record<string, string> }));
  assert.equal(map["__proto__"], "x");
});

test("frames arrive in any pieces", () => {
  const messages = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(70_000, 7), Buffer.from("last")];
  const stream = Buffer.concat(messages.map(frame));
  for (const size of [1, 2, 5, 6, 4096, stream.length]) {
    const deframer = new Deframer();
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size)
      for (const each of deframer.push(stream.subarray(at, at + size))) found.push(Buffer.from(each));
    assert.deepEqual(found, messages, `pieces of ${size}`);
  }
  assert.throws(() => [...new Deframer().push(Buffer.from([1, 0, 0, 0, 0]))], { kind: "invalid" });
  assert.throws(() => [...new Deframer().push(Buffer.from([0, 255, 0, 0, 0]))], { kind: "invalid" });
});

test("an error crosses as trailers", () => {
  const trailers = errorTrailers(new GrpcError(2, "50% of ünits\nfailed", [jsonDetail("errdefs.Vertex", { digest: "sha256:1" })]));
  assert.equal(trailers["grpc-status"], "2");
  assert.equal(trailers["grpc-message"], "50%25 of %C3%BCnits%0Afailed");
  const status = Status.decode(Buffer.from(String(trailers["grpc-status-details-bin"]), "base64"));
  assert.equal(status.details[0]?.type_url, "github.com/moby/buildkit/errdefs.Vertex+json");
  assert.deepEqual(JSON.parse(String(status.details[0]?.value)), { digest: "sha256:1" });
  const back = trailersError({ "grpc-status": "2", "grpc-message": String(trailers["grpc-message"]) });
  assert.equal(back?.message, "50% of ünits\nfailed");
  assert.equal(trailersError({ "grpc-status": "0" }), undefined);
});

test("metadata keeps values apart, and escapes what is not ASCII", () => {
  const metadata = readMetadata(["X-A", "1, 2", "x-a", "3", "X-B", "4"]);
  assert.deepEqual(metadata.get("x-a"), ["1, 2", "3"]);
  assert.deepEqual(metadataHeaders({ a: ["*.log", "!b"], b: [], c: ["ä", "x"] }), {
    a: ["*.log", "!b"],
    c: ["%C3%A4", "x"],
    "c-encoded": "1",
  });
});

test("messages inside of messages come back", () => {
  const request = ControlSolveRequest.encode({
    Ref: "r",
    Session: "s",
    Internal: true,
    Exporters: [{ Type: "moby", Attrs: { name: "a,b" } }],
  });
  const decoded = ControlSolveRequest.decode(request);
  assert.equal(decoded.Exporters[0]?.Attrs?.["name"], "a,b");
  assert.equal(Packet.decode(Packet.encode({ type: 1, ID: 7 })).ID, 7);
  assert.equal(Result.decode(Result.encode({ ref: { id: "x", def: {} } })).ref?.id, "x");
});
