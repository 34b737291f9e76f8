import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { freePort } from "../../test/support/certificates.ts";
import { dialSsh } from "./ssh.ts";

const SSHD = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find((path) => existsSync(path));

/** A real SSH server on loopback, with keys of its own, whose every command is `cat`; ssh uses nothing of the user's. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "berth-sshd-"));
  port = 0;
  #said = "";
  #server: ChildProcess | undefined;
  #before = { path: process.env["PATH"], runtime: process.env["XDG_RUNTIME_DIR"] };

  async start(): Promise<void> {
    const { folder } = this;
    for (const name of ["host", "user", "other"]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    this.port = await freePort();
    writeFileSync(join(folder, "authorized"), readFileSync(join(folder, "user.pub")));
    const settings = {
      Port: this.port,
      ListenAddress: "127.0.0.1",
      HostKey: join(folder, "host"),
      AuthorizedKeysFile: join(folder, "authorized"),
      PidFile: "none",
      StrictModes: "no",
      UsePAM: "no",
      PasswordAuthentication: "no",
      PermitRootLogin: "yes",
      ForceCommand: "cat",
    };
    writeFileSync(join(folder, "sshd_config"), lines(settings));
    this.#server = spawn(SSHD!, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"], detached: true });
    await new Promise<void>((listening, fail) => {
      this.#server!.stderr!.on("data", (chunk: Buffer) => {
        this.#said += chunk.toString();
        if (this.#said.includes("Server listening")) listening();
      });
      this.#server!.once("exit", () => fail(new Error(this.#said)));
    });
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "run"));
    const ssh = execFileSync("sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
    writeFileSync(join(folder, "bin/ssh"), `#!/bin/sh\nexec ${ssh} -F ${folder}/ssh_config "$@"\n`, { mode: 0o755 });
    process.env["PATH"] = `${join(folder, "bin")}:${this.#before.path}`;
    process.env["XDG_RUNTIME_DIR"] = join(folder, "run");
    this.know({ identity: "user", known: true });
  }

  /** What ssh knows of the machine, and the key that it shows. */
  know({ identity, known }: { identity: string; known: boolean | "another" }): void {
    const key = readFileSync(join(this.folder, known === "another" ? "other.pub" : "host.pub"), "utf8");
    writeFileSync(join(this.folder, "known"), known ? `[127.0.0.1]:${this.port} ${key}` : "");
    const settings = {
      IdentityFile: join(this.folder, identity),
      IdentitiesOnly: "yes",
      IdentityAgent: "none",
      UserKnownHostsFile: join(this.folder, "known"),
      GlobalKnownHostsFile: "/dev/null",
    };
    writeFileSync(join(this.folder, "ssh_config"), lines(settings));
  }

  get address(): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.port}`;
  }

  get logins(): number {
    return this.#said.split("Accepted publickey").length - 1;
  }

  /** Ends the login that is shared. */
  logOut(): void {
    const folder = join(this.folder, "run", `berth-ssh-${process.getuid!()}`);
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      execFileSync("ssh", ["-F", "none", "-O", "exit", "-S", join(folder, name), "any"], { stdio: "ignore" });
  }

  async end(): Promise<void> {
    this.logOut();
    process.env["PATH"] = this.#before.path;
    if (this.#before.runtime === undefined) delete process.env["XDG_RUNTIME_DIR"];
    else process.env["XDG_RUNTIME_DIR"] = this.#before.runtime;
    if (this.#server && this.#server.exitCode === null) {
      process.kill(-this.#server.pid!, "SIGKILL");
      await once(this.#server, "exit");
    }
    rmSync(this.folder, { recursive: true });
  }
}

const lines = (settings: Readonly<Record<string, string | number>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");

/** sshd wants its own folder where it starts as root. */
const ready = SSHD !== undefined && (process.getuid!() !== 0 || existsSync("/run/sshd"));

test("a real SSH server", { skip: ready ? false : "needs sshd, and /run/sshd as root" }, async (t) => {
  const machine = new Machine();
  try {
    await machine.start();
    const said = async (words: string): Promise<string> => {
      const stream = dialSsh(machine.address);
      stream.end(words);
      return text(stream);
    };

    await t.test("takes one login for seven streams at once, and for one later", async () => {
      const words = ["1", "2", "3", "4", "5", "6", "7"];
      assert.deepEqual(await Promise.all(words.map(said)), words);
      assert.equal(await said("later"), "later");
      assert.equal(machine.logins, 1);
      machine.logOut();
    });

    await t.test("that is not known, has changed or does not let in is said with what to do", async () => {
      machine.know({ identity: "user", known: false });
      await assert.rejects(said(""), /The key of "127\.0\.0\.1" is not known here yet: run `ssh -p \d+ \S+@127\.0\.0\.1` once/);
      machine.know({ identity: "user", known: "another" });
      await assert.rejects(said(""), /shows another key than before: .*`ssh-keygen -R "\[127\.0\.0\.1\]:\d+"`/);
      machine.know({ identity: "other", known: true });
      await assert.rejects(said(""), /does not let this user in without a password: run `ssh-copy-id -p \d+ \S+@127\.0\.0\.1`/);
      await assert.rejects(text(dialSsh(`ssh://127.0.0.1:${await freePort()}`)), /Nothing listens on port \d+ of "127\.0\.0\.1"/);
      assert.equal(machine.logins, 1);
    });

    await t.test("logs in again after a failure, and when the shared login was cut", async () => {
      machine.know({ identity: "user", known: true });
      assert.equal(await said("again"), "again");
      machine.logOut();
      assert.equal(await said("once more"), "once more");
      assert.equal(machine.logins, 3);
    });
  } finally {
    await machine.end();
  }
});
