import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { filterThrough } from "./filter.ts";

test("filterThrough() gives what the program writes", async () => {
  const megabyte = Buffer.alloc(1 << 20, "abc");
  const out = await buffer(filterThrough(["cat"], Readable.from([megabyte, megabyte])));
  assert.ok(out.equals(Buffer.concat([megabyte, megabyte])));
});

test("filterThrough() fails with the program's last words", async () => {
  const failing = filterThrough(["sh", "-c", "cat >/dev/null; echo broken >&2; exit 3"], Readable.from(["x"]));
  await assert.rejects(buffer(failing), /sh failed: broken/);
});

test("filterThrough() does not mind a program that has read enough", async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(65536, "y\n");
    })(),
  );
  assert.equal((await buffer(filterThrough(["head", "-c", "4"], endless))).toString(), "y\ny\n");
});

test("filterThrough() fails when its source does", async () => {
  const failing = Readable.from(
    (function* () {
      yield Buffer.from("some");
      throw new Error("the client is gone");
    })(),
  );
  await assert.rejects(buffer(filterThrough(["cat"], failing)), /the client is gone/);
});
