import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ExecRefused, lastError, startRefused, withFileLimit } from "./refusal.ts";

const START = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ";

for (const [said, command, want, kind, exitCode] of [
  [
    "executable file `x` not found in $PATH: No such file or directory",
    "x",
    'unable to start container process: exec: "x": executable file not found in $PATH',
    "invalid",
    127,
  ],
  [
    "executable file `/x` not found in $PATH: No such file or directory",
    "/x",
    'unable to start container process: exec: "/x": stat /x: no such file or directory',
    "invalid",
    127,
  ],
  [
    "open executable: Permission denied",
    "/etc/passwd",
    'unable to start container process: exec: "/etc/passwd": permission denied',
    "invalid",
    126,
  ],
  [
    "open executable: Operation not permitted",
    "/etc",
    'unable to start container process: exec: "/etc": permission denied',
    "invalid",
    126,
  ],
  [
    'runc run failed: unable to start container process: exec: "x": executable file not found in $PATH',
    "x",
    'unable to start container process: exec: "x": executable file not found in $PATH',
    "invalid",
    127,
  ],
  [
    "setrlimit `RLIMIT_NOFILE`: Operation not permitted",
    "x",
    "unable to start container process: error setting rlimit type 7: operation not permitted",
    "internal",
    126,
  ],
  [
    "chdir `/nosuch`: No such file or directory",
    "x",
    'unable to start container process: chdir to cwd ("/nosuch") set in config.json failed: no such file or directory',
    "invalid",
    127,
  ],
  ["mount `proc` to `proc`: Operation not permitted", "x", "mount `proc` to `proc`: operation not permitted", "internal", 126],
  [
    "mount `/etc` to `etc/passwd`: Not a directory",
    "x",
    "mount `/etc` to `etc/passwd`: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type",
    "internal",
    126,
  ],
  [
    "the sysctl `net.ipv4.ip_forward` requires a new network namespace",
    "x",
    'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
    "internal",
    126,
  ],
  ["open /proc/sys/net/nosuch: No such file or directory", "x", "open /proc/sys/net/nosuch: no such file or directory", "invalid", 127],
] as const)
  test(`startRefused() and ExecRefused() say Docker's sentence for: ${said}`, () => {
    const error = startRefused(said, command);
    assert.deepEqual([error.kind, error.message], [kind, START + want]);
    assert.equal(new ExecRefused(said, command).exitCode, exitCode);
  });

test("ExecRefused says runc's own words once", () => {
  const said = 'exec failed: unable to start container process: exec: "x": executable file not found in $PATH';
  assert.equal(
    new ExecRefused(said, "x").message,
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in $PATH',
  );
});

test("lastError() reads the last error of runc's JSON and of crun's sentences", (t) => {
  const log = join(mkdtempSync(join(tmpdir(), "refusal-")), "log");
  t.after(() => rmSync(dirname(log), { recursive: true }));
  for (const [text, want] of [
    ['{"level":"error","msg":"first"}\n{"level":"error","msg":"last"}\n{"level":"warning","msg":"w"}\n', "last"],
    ["a warning\nopen executable: Permission denied\n", "open executable: Permission denied"],
    ["", undefined],
  ] as const) {
    writeFileSync(log, text);
    assert.equal(lastError(log), want);
  }
});

for (const [soft, says] of [
  [0, /^crun cannot start a container with --ulimit fsize=0: give at least 8192, or start the engine with BERTH_RUNTIME=runc$/],
  [8191, /fsize=8191/],
  [8192, /^write to seccomp fd$/],
  [-1, /^write to seccomp fd$/],
] as const)
  test(`withFileLimit() says what to do about ${soft} bytes`, () => {
    assert.match(withFileLimit("write to seccomp fd", [{ type: "RLIMIT_FSIZE", soft }]), says);
    assert.equal(withFileLimit("write to seccomp fd", [{ type: "RLIMIT_NOFILE", soft }]), "write to seccomp fd");
  });
