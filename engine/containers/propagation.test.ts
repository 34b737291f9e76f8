import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPropagation, rootPropagation } from "./propagation.ts";

const MOUNTS = `20 1 8:1 / / rw,relatime - ext4 /dev/sda rw
21 20 0:5 / /shared\\040one rw shared:7 - tmpfs tmpfs rw
22 20 0:6 / /slave rw master:7 - tmpfs tmpfs rw
23 20 0:7 / /both rw shared:9 master:7 - tmpfs tmpfs rw
24 22 0:8 / /slave/private rw - tmpfs tmpfs rw
`;
const CASES: [source: string, propagation: string, problem?: string][] = [
  ["/data", "rprivate"],
  ["/data", "rslave", "path /data is mounted on / but it is not a shared or slave mount"],
  ["/data", "rshared", "path /data is mounted on / but it is not a shared mount"],
  ["/shared one/x", "rshared"],
  ["/shared one", "slave"],
  ["/slave", "rslave"],
  ["/slave", "shared", "path /slave is mounted on /slave but it is not a shared mount"],
  ["/slave/private/x", "rslave", "path /slave/private/x is mounted on /slave/private but it is not a shared or slave mount"],
  ["/both/x", "rshared"],
];
for (const [source, propagation, problem] of CASES)
  test(`checkPropagation() ${source} ${propagation}`, () => {
    const check = (): void => checkPropagation(source, propagation, MOUNTS);
    if (problem === undefined) check();
    else assert.throws(check, { kind: "internal", message: problem });
  });

test("rootPropagation() is what the strongest mount needs", () => {
  assert.equal(rootPropagation([["rbind", "rprivate"]]), undefined);
  assert.equal(rootPropagation([["rbind", "rslave"], ["rprivate"]]), "slave");
  assert.equal(rootPropagation([["rslave"], ["bind", "shared"]]), "shared");
});
