import assert from "node:assert/strict";
import test from "node:test";
import type { ContainerConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { applyChanges } from "./changes.ts";

const cases: [changes: string[], want: ContainerConfig][] = [
  [['CMD ["sh", "-c", "x y"]'], { Cmd: ["sh", "-c", "x y"] }],
  [["CMD echo hi"], { Cmd: ["/bin/sh", "-c", "echo hi"] }],
  [["cmd"], { Cmd: [] }],
  [['ENTRYPOINT ["/x"]'], { Entrypoint: ["/x"] }],
  [['ENV A=1 B=\'x y\' C="q\\"r" D=e\\ f'], { Env: ["A=1", "B=x y", 'C=q"r', "D=e f"] }],
  [["ENV A some words", "ENV A=2"], { Env: ["A=2"] }],
  [["EXPOSE 80 53/UDP 1000-1010"], { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "1000-1010/tcp": {} } }],
  [['LABEL a=b "c d"="e f"'], { Labels: { a: "b", "c d": "e f" } }],
  [["VOLUME /a /b", 'VOLUME ["/c d"]'], { Volumes: { "/a": {}, "/b": {}, "/c d": {} } }],
  [["WORKDIR /a", "WORKDIR b"], { WorkingDir: "/a/b" }],
  [["USER 1000:1000\nSTOPSIGNAL SIGQUIT"], { User: "1000:1000", StopSignal: "SIGQUIT" }],
  [["ONBUILD RUN make", "# a comment", ""], { OnBuild: ["RUN make"] }],
  [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
  [
    ["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f x"],
    { Healthcheck: { Interval: 90e9, Timeout: 0.5e9, Retries: 3, Test: ["CMD-SHELL", "curl -f x"] } },
  ],
  [['HEALTHCHECK CMD ["a", "b"]'], { Healthcheck: { Test: ["CMD", "a", "b"] } }],
];
for (const [changes, want] of cases)
  test(`applyChanges() applies ${changes.join("; ")}`, () => assert.deepEqual(applyChanges({}, changes), want));

const bad: [change: string, message: string][] = [
  ["", "file with no instructions"],
  ["# only a comment", "file with no instructions"],
  ["RUN foo", "RUN is not a valid change command"],
  ["nonsense", "NONSENSE is not a valid change command"],
  ["{}", "{} is not a valid change command"],
  ["ENV", "ENV requires at least one argument"],
  ["ENV A", "ENV must have two arguments"],
  ["ENV =x", "ENV names can not be blank"],
  ["EXPOSE http", "invalid containerPort: http"],
  ["EXPOSE 80/bogus", "invalid proto: bogus"],
  ["USER", "USER requires exactly one argument"],
  ["WORKDIR", "WORKDIR requires exactly one argument"],
  ["STOPSIGNAL", "STOPSIGNAL requires exactly one argument"],
  ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["HEALTHCHECK PING x", 'Unknown type "PING" in HEALTHCHECK (try CMD)'],
  ["HEALTHCHECK --interval=soon CMD x", 'time: invalid duration "soon"'],
];
for (const [change, message] of bad)
  test(`applyChanges() refuses ${change}`, () => assert.throws(() => applyChanges({}, [change]), new EngineError("invalid", message)));

test("applyChanges() leaves the given configuration alone", () => {
  const config = { Env: ["A=1"], Labels: { a: "b" } };
  assert.deepEqual(applyChanges(config, ["ENV A=2", "LABEL c=d"]), { Env: ["A=2"], Labels: { a: "b", c: "d" } });
  assert.deepEqual(config, { Env: ["A=1"], Labels: { a: "b" } });
});
