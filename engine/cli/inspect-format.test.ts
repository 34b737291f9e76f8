import assert from "node:assert/strict";
import { test } from "node:test";
import { formatInspected } from "./inspect-format.ts";

const container = { Id: "c", State: { Status: "running" }, Config: { Image: "i" }, HostConfig: {} };
const image = { Id: "i", RootFS: {}, Config: { Cmd: ["sh"] } };
const volume = { Name: "v", Mountpoint: "/v" };
const network = { Name: "n", IPAM: {} };

for (const [object, format, want] of [
  [container, "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"],
  [container, "{{.State.Health}} {{json .State.Health}} {{json .State}}", '<nil> null {"Status":"running"}'],
  [container, "{{.Config.Healthcheck}}|{{.Config.StopSignal}}|{{.Config.StopTimeout}}|{{.Config.ExposedPorts}}", "<nil>||<nil>|map[]"],
  [container, "{{.HostConfig.Mounts}} {{.HostConfig.Sysctls}} {{.HostConfig.Init}} {{.SizeRw}}", "[] map[] <nil> <nil>"],
  [image, "{{.Config.Healthcheck}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.Labels}}", "<nil> [] [sh] map[]"],
  [volume, "{{.Status}} {{.UsageData}}", "map[] <nil>"],
  [network, "{{.Peers}} {{.Services}}", "[] map[]"],
] as const)
  test(`formatInspected() runs ${format}`, () => assert.equal(formatInspected(format, JSON.stringify(object)), want));

test("formatInspected() says of the JSON what is wrong", () => {
  for (const [format, field] of [
    ["{{.State.Health.Status}}", "Health"],
    ["{{.State.Nope}}", "Nope"],
  ] as const)
    assert.throws(() => formatInspected(format, JSON.stringify(container)), { message: new RegExp(`map has no entry for key "${field}"`) });
});
