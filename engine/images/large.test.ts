import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fresh, needsRoot } from "../../test/support/registry.ts";
import { largeImage } from "../../test/support/large-image.ts";
import { openImages } from "./store.ts";
import { topLayer } from "./images.ts";
import { Events } from "../events.ts";
import { openSnapshots } from "../layers/overlay.ts";

/** Applies a layer as GNU tar and the image specification do: whiteouts first, then the rest. */
const applyLayer = `
tar -tzf "$1" | grep -E '(^|/)\\.wh\\.' | while read -r name; do
  d=$(dirname "$name"); b=$(basename "$name"); time=$(stat -c %y "$2/$d")
  if [ "$b" = .wh..wh..opq ]; then find "$2/$d" -mindepth 1 -delete; else rm -rf "$2/$d/\${b#.wh.}"; fi
  touch -d "$time" "$2/$d"
done
tar --numeric-owner --same-owner -p --delay-directory-restore --xattrs --xattrs-include='*' --exclude='.wh.*' -C "$2" -xzf "$1"`;

/** Every entry with kind, mode, owner, links, size, device, time and target; every attribute; every content. */
const describeTree = `cd "$1"
find . -mindepth 1 -type d -printf '%P %y %m %U %G %T@\\n' -o -printf '%P %y %m %U %G %n %s %T@ %l\\n'
find . -type b -o -type c | while read -r f; do stat -c '%n %t %T' "$f"; done
getfattr -R -P -h -d -m '^(user|security)\\.' . 2>/dev/null | grep -v 'overlay\\.'
find . -type f -links +1 -printf '%i %P\\n' | sort | awk '{ if ($1 in n) print n[$1], "=", $2; else n[$1] = $2 }'
find . -type f -print0 | sort -z | xargs -0 sha256sum`;

test("a Debian image of three layers is unpacked as GNU tar unpacks it, file by file", needsRoot, async (t) => {
  if (!process.env["BERTH_TEST_LARGE"]) return t.skip("needs BERTH_TEST_LARGE=1: 300 MB, half a minute");
  const large = await largeImage();
  if ("missing" in large) return t.skip(`needs an image: ${large.missing}`);
  const { directory } = await fresh(t);
  const snapshots = await openSnapshots({ directory, rootless: false });
  const images = await openImages({ directory: join(directory, "images"), snapshots, events: new Events() });
  const archive = join(directory, "large.tar");
  execFileSync("skopeo", ["copy", "-q", "--insecure-policy", `oci:${large.layout}:large`, `oci-archive:${archive}:debian:large`]);
  const { createReadStream } = await import("node:fs");
  const { ids } = await images.load(createReadStream(archive));
  const image = await images.get(ids[0]!);
  assert.ok(image.sizeBytes > 250_000_000);
  assert.equal(image.layers.length, 3);
  const since = Math.floor(Date.now() / 1000);
  const want = join(directory, "gnu");
  mkdirSync(want);
  for (const { descriptor } of image.layers)
    execFileSync("sh", ["-c", applyLayer, "sh", join(directory, "images/blobs/sha256", descriptor.digest.slice(7)), want]);
  const root = await snapshots.view("v", topLayer(image)!);
  const describe = (path: string): string[] =>
    execFileSync("sh", ["-c", describeTree, "sh", path], { encoding: "latin1", maxBuffer: 1 << 28 }).split("\n").toSorted(); // oxfmt-ignore
  const expected = describe(want);
  // A directory that a layer only writes into has the time of that writing after GNU tar; here it keeps its own.
  const touched = new Set(expected.map((line) => /^(.*) d \d+ \d+ \d+ (\d+)\./.exec(line)).flatMap((match) => match && Number(match[2]) >= since ? [match[1]!] : [])); // oxfmt-ignore
  assert.ok(touched.size < 10, [...touched].join());
  const withoutTime = (line: string): string => line.replace(/^(.*) (d \d+ \d+ \d+) \S+$/, (all, path: string, rest: string) => touched.has(path) ? `${path} ${rest}` : all); // oxfmt-ignore
  const [have, wanted] = [describe(root), expected].map((lines) => lines.map(withoutTime)) as [string[], string[]];
  await snapshots.remove("v");
  const [extra, missing] = [difference(have, wanted), difference(wanted, have)];
  assert.deepEqual({ extra: extra.slice(0, 20), missing: missing.slice(0, 20) }, { extra: [], missing: [] });
  assert.ok(have.length > 15_000);
  assert.ok(have.some((line) => line.startsWith("security.capability=")));
  assert.ok(readFileSync(join(want, "usr/share/doc/README")).length > 0);
});

function difference(a: readonly string[], b: readonly string[]): string[] {
  const other = new Set(b);
  return a.filter((line) => !other.has(line));
}
