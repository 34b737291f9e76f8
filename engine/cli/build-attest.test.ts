import assert from "node:assert/strict";
import { test } from "node:test";
import { attestations } from "./build-attest.ts";

const none = { attest: [], provenance: "", sbom: "" };

test("what is asked to be attested", () => {
  assert.deepEqual(attestations(none), {});
  assert.deepEqual(attestations({ ...none, provenance: "false", sbom: "false" }), {});
  assert.deepEqual(attestations({ ...none, provenance: "true" }), { "attest:provenance": "" });
  assert.deepEqual(attestations({ ...none, provenance: "mode=min" }), { "attest:provenance": "mode=min" });
  const attest = ["type=provenance,mode=max,builder-id=me", "type=sbom,disabled=true"];
  assert.deepEqual(attestations({ ...none, attest }), { "attest:provenance": "mode=max,builder-id=me" });
  assert.throws(() => attestations({ ...none, attest: ["mode=max"] }), /^Error: attestation type not specified: mode=max$/);
  assert.throws(() => attestations({ attest, provenance: "true", sbom: "" }), /^Error: duplicate attestation field provenance$/);
});
