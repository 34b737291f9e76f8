import { test } from "node:test";
import assert from "node:assert/strict";
import { parseMount } from "./mount.ts";

const good: [string, Record<string, unknown>][] = [
  ["type=cache,target=/c", { type: "cache", target: "/c", readOnly: false, sharing: "shared" }],
  ["target=/src", { type: "bind", readOnly: true }],
  ["type=bind,from=build,source=/a,dst=/b,rw", { from: "build", source: "/a", target: "/b", readOnly: false }],
  ["type=tmpfs,target=/t,size=64m", { type: "tmpfs", sizeBytes: 64 * 1024 * 1024 }],
  ["type=secret,id=k,required,mode=0440,uid=5", { id: "k", required: true, mode: 0o440, uid: 5 }],
  ["type=cache,target=/x,sharing=locked,ro=false", { sharing: "locked", readOnly: false }],
  ['type=bind,"source=a,b",target=/t', { source: "a,b" }],
  ["type=secret,id=k,env=TOKEN", { env: "TOKEN" }],
];
for (const [value, want] of good) {
  test(`parseMount() reads ${value}`, () => {
    const mount: object = parseMount(value);
    const picked = Object.fromEntries(Object.entries(mount).filter(([key]) => key in want));
    assert.deepEqual(picked, want);
  });
}

const bad: [string, string][] = [
  ["type=bnd,target=/", 'unsupported mount type "bnd" (did you mean bind?)'],
  ["type=cache,target", "invalid field 'target' must be a key=value pair"],
  ["type=cache,trget=/x", "unexpected key 'trget' in 'trget=/x' (did you mean target?)"],
  ["type=cache,target=/x,sharing=mine", 'unsupported sharing value "mine"'],
  ["type=bind,target=/x,mode=0755", 'mode not allowed for "bind" type mounts'],
  ["type=cache,target=/x,mode=9", "invalid value 9 for mode"],
  ["type=secret", "invalid secret mount. one of source, target required"],
  ["type=tmpfs,target=/x,size=big", "invalid value for size: big"],
  ["type=bind,target=/x,required", "unexpected key 'required' for mount type 'bind'"],
  ["type=bind,target=/x,ro=perhaps", "invalid value for readonly: perhaps"],
];
for (const [value, want] of bad) {
  test(`parseMount() refuses ${value}`, () => assert.deepEqual(parseMount(value), { message: want }));
}
