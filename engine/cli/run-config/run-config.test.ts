import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseFlags } from "../flags.ts";
import { containerConfig } from "./container.ts";
import { CONTAINER_FLAGS } from "./flags.ts";
import { readCapabilities, readDevice, readGpus, readRestartPolicy, readUlimit, readUlimits } from "./limits.ts";
import { readMount, readVolumes } from "./mounts.ts";
import { readNetworking } from "./networks.ts";
import { readExposed, readPublished } from "./ports.ts";
import { csvFields, readEnvironment } from "./text.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-run-"));
after(() => rmSync(directory, { recursive: true }));

for (const [text, want] of [
  ["80", { "80/tcp": [["", ""]] }],
  ["8080:80", { "80/tcp": [["", "8080"]] }],
  ["127.0.0.1:8080:80/udp", { "80/udp": [["127.0.0.1", "8080"]] }],
  ["127.0.0.1::80", { "80/tcp": [["127.0.0.1", ""]] }],
  ["[::1]:8080:80", { "80/tcp": [["::1", "8080"]] }],
  ["8080-8081:80-81", { "80/tcp": [["", "8080"]], "81/tcp": [["", "8081"]] }],
  ["8080-8090:80", { "80/tcp": [["", "8080-8090"]] }],
  ["target=80,published=8080,protocol=udp", { "80/udp": [["", "8080"]] }],
] as const)
  test(`readPublished() reads ${text}`, () => {
    const entries = Object.entries(readPublished([text]).bindings);
    assert.deepEqual(Object.fromEntries(entries.map(([key, list]) => [key, list?.map((b) => [b.HostIp, b.HostPort])])), want);
  });

for (const [text, message] of [
  ["99999:80", "invalid hostPort: 99999"],
  ["80:x", "invalid containerPort: x"],
  ["a:b:c:d:e", "invalid IP address: a:b:c"],
  ["80-81:90-92", "invalid ranges specified for container and host Ports: 90-92 and 80-81"],
  ["80/x", "invalid proto: x"],
  ["80:", "no port specified: 80:<empty>"],
] as const)
  test(`readPublished() refuses ${text}`, () => assert.throws(() => readPublished([text]), { message }));

test("readExposed() reads ranges", () => assert.deepEqual(readExposed(["80", "90-91/UDP"]), ["80/tcp", "90/udp", "91/udp"]));

test("readVolumes() sorts binds from anonymous volumes", () => {
  const { binds, anonymous } = readVolumes(["/data", "named:/d", "./a:/b:ro", "../c:/d", "/x:/y"], "/work/dir");
  assert.deepEqual(binds, ["named:/d", "/work/dir/a:/b:ro", "/work/c:/d", "/x:/y"]);
  assert.deepEqual(anonymous, ["/data"]);
  assert.throws(() => readVolumes(["a::b"], "/"), { message: "invalid spec: a::b: empty section between colons" });
  assert.throws(() => readVolumes(["/a:/b:/c:/d"], "/"), { message: "invalid spec: /a:/b:/c:/d: too many colons" });
});

for (const [text, want] of [
  ["type=bind,src=./a,dst=/b,ro", { Type: "bind", Source: "/w/a", Target: "/b", ReadOnly: true }],
  ["target=/d", { Type: "volume", Target: "/d" }],
  ["type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770", { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } }],
  [
    'src=v,dst=/d,"volume-opt=o=uid=1,gid=2",volume-driver=local,volume-label=a=b',
    {
      Type: "volume",
      Source: "v",
      Target: "/d",
      VolumeOptions: { DriverConfig: { Name: "local", Options: { o: "uid=1,gid=2" } }, Labels: { a: "b" } },
    },
  ],
] as const)
  test(`readMount() reads ${text}`, () => assert.deepEqual(readMount(text, "/w"), want));

for (const [text, message] of [
  ["foo", "invalid field 'foo' must be a key=value pair"],
  ["type=bind,nope=1", "unexpected key 'nope' in 'nope=1'"],
  ["type=volume,src=x", "target is required"],
  ["type=bind,dst=/x,readonly=maybe", "invalid value for readonly: maybe"],
  ["type=bind,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
] as const)
  test(`readMount() refuses ${text}`, () => assert.throws(() => readMount(text, "/"), { message }));

const NONE = { "network-alias": [], link: [], "link-local-ip": [], ip: "", ip6: "", "mac-address": "" };

test("readNetworking() asks nothing of an only plain network", () => {
  assert.deepEqual(readNetworking(["host"], NONE), { mode: "host", endpoints: {} });
  assert.equal(readNetworking([], NONE).mode, "default");
});

test("readNetworking() gives the flags to the first network", () => {
  const { mode, endpoints } = readNetworking(["name=n1,alias=a", "n2"], { ...NONE, ip: "10.0.0.2" });
  assert.deepEqual([mode, Object.keys(endpoints)], ["n1", ["n1", "n2"]]);
  assert.deepEqual(endpoints["n1"]?.Aliases, ["a"]);
  assert.deepEqual(endpoints["n1"]?.IPAMConfig, { IPv4Address: "10.0.0.2" });
});

for (const [networks, message] of [
  [["n1", "host"], "conflicting options: cannot attach both user-defined and non-user-defined network-modes"],
  [["n1", "n1"], 'network "n1" is specified multiple times'],
  [["name=n1,nope=1"], "invalid field key nope"],
] as const)
  test(`readNetworking() refuses ${networks.join(" ")}`, () => assert.throws(() => readNetworking(networks, NONE), { message }));

test("limits are read as docker reads them", () => {
  assert.deepEqual(readUlimit("nofile=100:200"), { Name: "nofile", Soft: 100, Hard: 200 });
  assert.deepEqual(readUlimit("core=unlimited"), { Name: "core", Soft: -1, Hard: -1 });
  assert.throws(() => readUlimit("x"), { message: "invalid ulimit argument: x" });
  assert.deepEqual(readCapabilities(["net_admin", "CAP_CHOWN", "chown"]), ["CAP_CHOWN", "CAP_NET_ADMIN"]);
  assert.deepEqual(readCapabilities(["all", "chown"]), ["ALL"]);
  assert.deepEqual(readDevice("/dev/a:/dev/b:r"), { PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "r" });
  assert.deepEqual(readDevice("/dev/a:rw"), { PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rw" });
  assert.deepEqual(readRestartPolicy("on-failure:3"), { Name: "on-failure", MaximumRetryCount: 3 });
  assert.equal(readGpus("all").Count, -1);
});

test("csvFields() keeps commas inside quotes", () => {
  assert.deepEqual(csvFields('a,"b,""c""",,d'), ["a", 'b,"c"', "", "d"]);
});

test("readEnvironment() puts files first and fills in names alone", async () => {
  const file = join(directory, "env");
  writeFileSync(file, "# no\n\nA=1\n  B = 2\nFROM\nMISSING\n");
  const source = { cwd: directory, env: { FROM: "outside", C: "c" } };
  await assert.rejects(readEnvironment(["."], [], source), { message: "invalid env file (.): read .: is a directory" });
  await assert.rejects(readEnvironment(["env"], [], source), {
    message: "invalid env file (env): variable 'B ' contains whitespaces",
  });
  writeFileSync(file, "# no\n\nA=1\nFROM\nMISSING\n");
  assert.deepEqual(await readEnvironment(["env"], ["C", "D", "E="], source), ["A=1", "FROM=outside", "C=c", "D", "E="]);
});

async function config(line: string, autoRemove = false): ReturnType<typeof containerConfig> {
  const { flags, given, args } = parseFlags(CONTAINER_FLAGS, line.split(" "), { interspersed: false });
  return containerConfig({ flags, given, args, autoRemove }, { cwd: "/w", env: {}, stdout: { rows: 30, columns: 100 } as never });
}

test("containerConfig() attaches stdin only when asked", async () => {
  const plain = await config("busybox sh -c x");
  assert.deepEqual([plain.AttachStdin, plain.AttachStdout, plain.OpenStdin, plain.Cmd], [false, true, false, ["sh", "-c", "x"]]);
  const terminal = await config("-it busybox");
  assert.deepEqual([terminal.AttachStdin, terminal.StdinOnce, terminal.Tty, terminal.Cmd], [true, true, true, null]);
  assert.deepEqual(terminal.HostConfig?.ConsoleSize, [30, 100]);
  const one = await config("-a stderr busybox");
  assert.deepEqual([one.AttachStdin, one.AttachStdout, one.AttachStderr], [false, false, true]);
});

for (const [line, message] of [
  ["--restart always busybox", "conflicting options: cannot specify both --restart and --rm"],
  ["--no-healthcheck --health-cmd x busybox", "--no-healthcheck conflicts with --health-* options"],
  ["--pid x busybox", "--pid: invalid PID mode"],
  [
    "--security-opt seccomp=/nonexistent busybox",
    "opening seccomp profile (/nonexistent) failed: open /nonexistent: no such file or directory",
  ],
  ["-a stdnothing busybox", 'invalid argument "stdnothing" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'],
  ["--dns-search bad! busybox", 'invalid argument "bad!" for "--dns-search" flag: bad! is not a valid domain'],
  [
    "--blkio-weight 70000 busybox",
    'invalid argument "70000" for "--blkio-weight" flag: strconv.ParseUint: parsing "70000": value out of range',
  ],
  [
    "--mount type=bind,src=/a,dst=/b,bind-recursive=writable busybox",
    `invalid argument "type=bind,src=/a,dst=/b,bind-recursive=writable" for "--mount" flag: option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction`,
  ],
  [
    '--mount type=volume,dst="/b busybox',
    'invalid argument "type=volume,dst=\\"/b" for "--mount" flag: parse error on line 1, column 17: bare " in non-quoted-field',
  ],
  ["--dns x busybox", 'invalid argument "x" for "--dns" flag: IP address is not correctly formatted: x'],
  ["-l =x busybox", `invalid argument "=x" for "-l, --label" flag: invalid label '=x': empty name`],
  ["--link a:b:c busybox", 'invalid argument "a:b:c" for "--link" flag: bad format for links: a:b:c'],
  ["--add-host x: busybox", 'invalid argument "x:" for "--add-host" flag: invalid IP address in add-host: ""'],
  ["--device-cgroup-rule x busybox", `invalid argument "x" for "--device-cgroup-rule" flag: invalid device cgroup format 'x'`],
  ["--device /dev/a:/b:rwx busybox", "bad mode specified: rwx"],
  ["--network= busybox", "no name set for network"],
  ["--network none --network-alias a busybox", "network-scoped aliases are only supported for user-defined networks"],
  ["--mac-address x busybox", "x is not a valid mac address"],
  ["--log-driver none --log-opt a=b busybox", "invalid logging opts for driver none"],
  ["--storage-opt x busybox", "invalid storage option"],
  ["--memory-swappiness -2 busybox", "invalid value: -2. Valid memory swappiness range is 0-100"],
  ["--expose 70000 busybox", 'invalid range format for --expose: 70000, error: strconv.ParseUint: parsing "70000": value out of range'],
  ["--expose 80-70 busybox", "invalid range format for --expose: 80-70, error: invalid range specified for port: 80-70"],
] as const)
  test(`containerConfig() refuses ${line}`, async () => {
    await assert.rejects(async () => config(line, true), { message });
  });

test("readUlimits() keeps the last of each name", () =>
  assert.deepEqual(readUlimits(["nofile=10:20", "core=0", "nofile=30:40"]), [
    { Name: "core", Soft: 0, Hard: 0 },
    { Name: "nofile", Soft: 30, Hard: 40 },
  ]));
