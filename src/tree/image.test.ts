import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSummary } from "../../engine/api/types/image.ts";
import { formatSize, showImage } from "./image.ts";

const image: ImageSummary = {
  Id: `sha256:${"ab".repeat(32)}`,
  ParentId: "",
  RepoTags: ["web:1", "web:latest"],
  RepoDigests: [],
  Created: 0,
  Size: 4_261_550,
  SharedSize: -1,
  Labels: null,
  Containers: -1,
};

test("showImage() gives one row a tag", () => {
  const rows = showImage(image);
  assert.deepEqual(
    rows.map(({ label, reference, description }) => [label, reference, description]),
    [
      ["web:1", "web:1", "4.26 MB"],
      ["web:latest", "web:latest", "4.26 MB"],
    ],
  );
  assert.equal(new Set(rows.map(({ id }) => id)).size, 2);
});

for (const RepoTags of [[], ["<none>:<none>"]])
  test(`showImage() shows ${JSON.stringify(RepoTags)} by its id`, () => {
    const [row, ...rest] = showImage({ ...image, RepoTags });
    assert.deepEqual(rest, []);
    assert.deepEqual([row?.label, row?.reference, row?.context], ["abababababab", image.Id, "image;untagged"]);
  });

const sizes: [number, string][] = [
  [0, "0 B"],
  [999, "999 B"],
  [999.6, "1 kB"],
  [1000, "1 kB"],
  [4_261_550, "4.26 MB"],
  [999_999, "1 MB"],
  [1_234_567_890, "1.23 GB"],
  [5e15, "5000 TB"],
];
for (const [bytes, want] of sizes) test(`formatSize() writes ${bytes} as ${want}`, () => assert.equal(formatSize(bytes), want));

test("showImage() shortens a name whose tag would not be seen", () => {
  const long = "registry.example.com:5000/team/with/a/long/path/to/web:2026.11-rc1";
  const [shown] = showImage({ ...image, RepoTags: [long] });
  assert.deepEqual([shown?.label, shown?.short, shown?.reference], [long, "…/web:2026.11-rc1", long]);
});
