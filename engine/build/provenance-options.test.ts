import assert from "node:assert/strict";
import { test } from "node:test";
import { readAttestations } from "./provenance-options.ts";

const provenance = (fields: string): ReturnType<typeof readAttestations> => readAttestations({ "attest:provenance": fields });

test("which provenance is asked for", () => {
  const most = { mode: "max", version: "v0.2", builderId: "", reproducible: false };
  assert.equal(readAttestations({ target: "x" }), undefined);
  assert.equal(provenance("mode=min,inline-only=true"), undefined, "what buildx adds to every build");
  assert.equal(provenance("disabled=true"), undefined);
  assert.deepEqual(provenance(""), most);
  assert.deepEqual(provenance("mode=min,version=v1,builder-id=https://a/?b=c,reproducible=true"), {
    mode: "min",
    version: "v1",
    builderId: "https://a/?b=c",
    reproducible: true,
  });
});

test("attestations that are not made", () => {
  assert.throws(() => provenance("mode=more"), /^EngineError: invalid mode "more"$/);
  assert.throws(() => provenance("version=v2"), /^EngineError: invalid provenance SLSA version: v2$/);
  assert.throws(() => provenance("reproducible=perhaps"), /^EngineError: failed to parse reproducible flag "perhaps"$/);
  assert.throws(() => readAttestations({ "attest:sbom": "" }), /An SBOM is not made/);
  assert.throws(() => readAttestations({ "attest:other": "" }), /^EngineError: unsupported attestation type "other": there is provenance$/);
});
