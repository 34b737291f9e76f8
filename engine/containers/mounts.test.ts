import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig } from "../api/types/container.ts";
import { mountsOf, wantedMounts } from "./mounts.ts";
import type { WantedMount } from "./mounts.ts";

const of = (hostConfig: HostConfig, volumes: Record<string, object> = {}, from: WantedMount[] = []): WantedMount[] =>
  wantedMounts({ Volumes: volumes }, hostConfig, from);

for (const [bind, want] of [
  ["/a:/b", { type: "bind", source: "/a", target: "/b", readOnly: false, mode: "", propagation: "rprivate", createSource: true }],
  ["/a/../c:/b/:ro", { type: "bind", source: "/c", target: "/b", readOnly: true, mode: "ro", propagation: "rprivate", createSource: true }],
  ["/a:/b:ro,rslave,z", { type: "bind", target: "/b", readOnly: true, mode: "ro,rslave,z", propagation: "rslave" }],
  ["name:/b", { type: "volume", source: "name", target: "/b", mode: "z", propagation: "", createSource: false }],
  ["name:/b:nocopy,ro", { type: "volume", source: "name", readOnly: true, noCopy: true, mode: "nocopy,ro" }],
  ["/only", { type: "volume", source: "", target: "/only", mode: "" }],
] as const)
  test(`wantedMounts() reads -v ${bind}`, () => {
    const [mount] = of({ Binds: [bind] });
    assert.deepEqual({ ...mount, ...want }, mount);
  });

for (const [mount, want] of [
  [
    { Type: "bind", Source: "/a", Target: "/b" },
    { type: "bind", source: "/a", target: "/b", createSource: false, propagation: "rprivate" },
  ],
  [
    {
      Type: "bind",
      Source: "/a",
      Target: "/b",
      ReadOnly: true,
      BindOptions: { Propagation: "shared", NonRecursive: true, CreateMountpoint: true },
    },
    { readOnly: true, propagation: "shared", nonRecursive: true, createSource: true },
  ],
  [
    {
      Type: "volume",
      Source: "v",
      Target: "/b",
      VolumeOptions: { NoCopy: true, Subpath: "x/y", Labels: { a: "b" }, DriverConfig: { Name: "local", Options: { o: "x" } } },
    },
    { type: "volume", noCopy: true, subpath: "x/y", labels: { a: "b" }, driver: "local", driverOptions: { o: "x" }, mode: "z" },
  ],
  [
    { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 65536, Mode: 0o1770 } },
    { type: "tmpfs", tmpfs: ["size=65536", "mode=1770"] },
  ],
  [
    { Type: "image", Source: "i", Target: "/i" },
    { type: "image", source: "i", readOnly: true },
  ],
] as const)
  test(`wantedMounts() reads --mount ${JSON.stringify(mount)}`, () => {
    const [read] = of({ Mounts: [mount as never] });
    assert.deepEqual({ ...read, ...want }, read);
  });

for (const [hostConfig, kind, message] of [
  [
    { Binds: ["named1:data"] },
    "internal",
    `invalid volume specification: 'named1:data': invalid mount config for type "volume": invalid mount path: 'data' mount path must be absolute`,
  ],
  [{ Binds: ["a:/b:c:d"] }, "internal", "invalid volume specification: 'a:/b:c:d'"],
  [
    { Binds: ["/a:/"] },
    "internal",
    `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
  ],
  [{ Binds: ["named1:/data:bogus"] }, "internal", "invalid mode: bogus"],
  [{ Binds: ["/a:/b:ro,rw"] }, "internal", "invalid mode: ro,rw"],
  [{ Binds: ["/a:/b:shared,private"] }, "internal", "invalid mode: shared,private"],
  [
    { Binds: ["/a:/b:nocopy"] },
    "internal",
    `invalid volume specification: '/a:/b:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
  ],
  [
    { Binds: ["named1:/b:rshared"] },
    "internal",
    `invalid volume specification: 'named1:/b:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
  ],
  [
    { Mounts: [{ Type: "bind", Source: "/a", Target: "/b", VolumeOptions: {} }] },
    "invalid",
    'invalid mount config for type "bind": field VolumeOptions must not be specified',
  ],
  [
    { Mounts: [{ Type: "tmpfs", Target: "/b", BindOptions: {} }] },
    "invalid",
    'invalid mount config for type "tmpfs": field BindOptions must not be specified',
  ],
  [
    { Mounts: [{ Type: "volume", Target: "/b", ReadOnly: true }] },
    "invalid",
    'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
  ],
  [{ Binds: ["/a:/b", "/c:/b"] }, "invalid", "Duplicate mount point: /b"],
  [{ Mounts: [{ Type: "bind", Target: "/b" }] }, "invalid", 'invalid mount config for type "bind": field Source must not be empty'],
  [{ Mounts: [{ Type: "volume", Target: "" }] }, "invalid", 'invalid mount config for type "volume": field Target must not be empty'],
  [
    { Mounts: [{ Type: "volume", Source: "v", Target: "/b", VolumeOptions: { Subpath: "../x" } }] },
    "invalid",
    'invalid mount config for type "volume": subpath must be a relative path within the volume',
  ],
  [{ Tmpfs: { t: "" } }, "invalid", "invalid mount path: 't' mount path must be absolute"],
] as const)
  test(`wantedMounts() refuses ${JSON.stringify(hostConfig)}`, () => {
    assert.throws(() => of(hostConfig as never), { kind, message });
  });

test("what a user asks for comes before other containers' mounts and the image's volumes", () => {
  const other = mountsOf(
    [{ Type: "volume", Name: "theirs", Source: "/x", Destination: "/shared", Mode: "z", RW: false, Propagation: "" }],
    "",
  );
  const mounts = of({ Binds: ["mine:/data"] }, { "/data": {}, "/image": {} }, other);
  assert.deepEqual(
    mounts.map(({ source, target, readOnly }) => [source, target, readOnly]),
    [
      ["mine", "/data", false],
      ["theirs", "/shared", true],
      ["", "/image", false],
    ],
  );
});
