import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig } from "../api/types/container.ts";
import { checkRestartPolicy, commandOf, completeHostConfig, mergeConfig } from "./config.ts";

const id = "0123456789abcdef";
const image: ContainerConfig = {
  User: "app",
  Env: ["PATH=/bin", "A=image"],
  Cmd: ["serve"],
  Entrypoint: ["/entry"],
  WorkingDir: "/srv",
  Labels: { from: "image", both: "image" },
  ExposedPorts: { "80/tcp": {} },
  Volumes: { "/data": {} },
  StopSignal: "SIGQUIT",
  Healthcheck: { Test: ["CMD", "check"], Interval: 5e9 },
};

for (const [asked, want] of [
  [{}, { path: "/entry", args: ["serve"] }],
  [{ Cmd: ["other"] }, { path: "/entry", args: ["other"] }],
  [{ Entrypoint: ["mine"] }, { path: "mine", args: [] }],
  [
    { Entrypoint: ["mine"], Cmd: ["x"] },
    { path: "mine", args: ["x"] },
  ],
  [
    { Entrypoint: [""], Cmd: ["x"] },
    { path: "x", args: [] },
  ],
] as const)
  test(`mergeConfig() runs ${JSON.stringify(asked)} over an image's entrypoint and command`, () => {
    assert.deepEqual(commandOf(mergeConfig(asked as ContainerConfig, image, id)), want);
  });

test("mergeConfig() joins lists and maps, and lets the user's word count", () => {
  const config = mergeConfig(
    { Env: ["A=mine", "B=2"], Labels: { both: "mine" }, ExposedPorts: { "1/udp": {} }, Healthcheck: { Retries: 2 } },
    image,
    id,
  );
  assert.deepEqual(config.Env, ["A=mine", "B=2", "PATH=/bin"]);
  assert.deepEqual(config.Labels, { from: "image", both: "mine" });
  assert.deepEqual(Object.keys(config.ExposedPorts!), ["80/tcp", "1/udp"]);
  assert.deepEqual(config.Volumes, { "/data": {} });
  assert.deepEqual([config.User, config.WorkingDir, config.StopSignal, config.Hostname], ["app", "/srv", "SIGQUIT", "0123456789ab"]);
  assert.deepEqual(config.Healthcheck, { Test: ["CMD", "check"], Interval: 5e9, Retries: 2 });
});

for (const [asked, message] of [
  [{}, "no command specified"],
  [{ Cmd: ["x"], WorkingDir: "srv" }, "the working directory 'srv' is invalid, it needs to be an absolute path"],
  [{ Cmd: ["x"], StopSignal: "NOPE" }, "invalid signal: NOPE"],
  [{ Cmd: ["x"], Env: [""] }, "invalid environment variable: "],
  [{ Cmd: ["x"], Healthcheck: { Interval: 10 } }, "Interval in Healthcheck cannot be less than 1ms"],
] as const)
  test(`mergeConfig() refuses ${JSON.stringify(asked)}`, () => {
    assert.throws(() => mergeConfig(asked as ContainerConfig, {}, id), { kind: "invalid", message });
  });

for (const [policy, autoRemove, message] of [
  [
    { Name: "bogus" },
    false,
    "invalid restart policy: unknown policy 'bogus'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  ],
  [{ Name: "always", MaximumRetryCount: 3 }, false, "invalid restart policy: maximum retry count can only be used with 'on-failure'"],
  [{ Name: "always" }, true, "can't create 'AutoRemove' container with restart policy"],
] as const)
  test(`checkRestartPolicy() refuses ${JSON.stringify(policy)}`, () => {
    assert.throws(() => checkRestartPolicy(policy as never, autoRemove), { kind: "invalid", message });
  });

test("completeHostConfig() fills in what inspect shows", () => {
  const host = completeHostConfig(
    { Memory: 1e7, MemorySwappiness: -1, PidsLimit: 0, NetworkMode: "default" },
    { id, cgroupVersion: 1, runtimeName: "crun" },
  );
  assert.deepEqual(
    [
      host.NetworkMode,
      host.LogConfig,
      host.IpcMode,
      host.CgroupnsMode,
      host.ShmSize,
      host.MemorySwap,
      host.MemorySwappiness,
      host.PidsLimit,
    ],
    ["bridge", { Type: "json-file", Config: {} }, "private", "host", 67108864, 2e7, null, null],
  );
  assert.equal(completeHostConfig({ Privileged: true }, { id, cgroupVersion: 2, runtimeName: "crun" }).MaskedPaths, null);
});
