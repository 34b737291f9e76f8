import assert from "node:assert/strict";
import { test } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { dialSsh, parseSsh, sshArguments } from "./ssh.ts";

const cases: [string, string][] = [
  ["ssh://me@server", "-l me -- server"],
  ["ssh://server:2222", "-p 2222 -- server"],
  ["ssh://me@[::1]:22", "-l me -p 22 -- ::1"],
];
for (const [address, want] of cases)
  test(`sshArguments() reaches ${address}`, () => {
    const words = sshArguments(parseSsh(address));
    assert.equal(words.slice(words.indexOf("-T") + 1, -1).join(" "), want);
    assert.match(words.at(-1)!, /docker system dial-stdio/);
  });

test("sshArguments() asks for the socket that is named", () =>
  assert.match(
    sshArguments(parseSsh("ssh://server/run/podman.sock")).at(-1)!,
    /exec docker (--host unix:\/\/\/run\/podman\.sock system dial-stdio) \|\| exec berth \1$/,
  ));

for (const [address, message] of [
  ["ssh://me:secret@server", /plain-text password/],
  ["ssh://-oProxyCommand=x", /invalid hostname|Invalid URL/],
] as const)
  test(`parseSsh() refuses ${address}`, () => assert.throws(() => parseSsh(address), message));

test("dialSsh() is a byte stream, and ssh's complaint is its error", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-ssh-"));
  const path = process.env["PATH"];
  try {
    writeFileSync(
      join(directory, "ssh"),
      '#!/bin/sh\ncase "$*" in -G*) ;; *broken*) echo "no route" >&2; exit 255;; *) exec cat;; esac\n',
      {
        mode: 0o755,
      },
    );
    process.env["PATH"] = `${directory}:${path}`;
    const stream = dialSsh("ssh://server");
    stream.end("hello");
    assert.equal(await text(stream), "hello");
    await assert.rejects(text(dialSsh("ssh://broken")), /has exited with exit status 255, stderr=no route/);
  } finally {
    process.env["PATH"] = path;
    rmSync(directory, { recursive: true });
  }
});
