import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusFeed } from "./status-feed.ts";

const PIECE = 64 << 10;

function print(feed: StatusFeed): Promise<void> | undefined {
  return feed.print({ logs: [{ vertex: "v", timestamp: undefined, stream: 1, msg: Buffer.alloc(PIECE) }] }, PIECE);
}

test("a build waits for a reader who is behind, until they read on or go", async () => {
  for (const goes of [false, true]) {
    const feed = new StatusFeed();
    const gone = new AbortController();
    const reading = feed.follow(gone.signal);
    assert.equal(print(feed), undefined);
    await reading.next();
    let waiting: Promise<void> | undefined;
    for (let count = 0; count < 100 && !waiting; count++) waiting = print(feed);
    assert.ok(waiting, "nobody waited");
    if (goes) await reading.return(undefined);
    else
      for (
        let count = 0;
        count < 100 && (await Promise.race([waiting.then(() => true), reading.next().then(() => false)])) === false;
        count++
      );
    await waiting;
  }
});

test("what everybody has read is let go of, and the newest and all else is kept", async () => {
  const feed = new StatusFeed();
  feed.push({ vertexes: [] });
  for (let count = 0; count < 100; count++) assert.equal(print(feed), undefined, "nobody reads, so nobody is waited for");
  feed.push({ vertexes: [] });
  feed.end();
  const found = [];
  for await (const event of feed.follow(new AbortController().signal)) found.push(event);
  assert.equal(found.filter(({ vertexes }) => vertexes).length, 2);
  const logs = found.filter(({ logs }) => logs).length;
  assert.ok(logs >= 16 && logs * PIECE <= (2 << 20) + PIECE, `${logs} pieces`);
});
