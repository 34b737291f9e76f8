import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimesToTry } from "./oci-runtime.ts";

const cases: [string | undefined, string[]][] = [
  [undefined, ["crun", "runc"]],
  ["", ["crun", "runc"]],
  ["runc", ["runc"]],
];
for (const [wanted, names] of cases)
  test(`runtimesToTry() takes ${JSON.stringify(wanted)}`, () => assert.deepEqual(runtimesToTry(wanted), names));

test("runtimesToTry() refuses what it does not know", () =>
  assert.throws(() => runtimesToTry("youki"), { message: 'Unknown BERTH_RUNTIME "youki": it is crun or runc' }));
