/** A real SSH server on loopback with keys of its own, and an agent that holds the key it takes. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../engine/host/programs.ts";
import { freePort } from "./certificates.ts";
import type { TestUser } from "./user.ts";

/** Why there can be none, for a test's `skip`; false when there can. */
export function cannotServeSsh(): string | false {
  return !["sshd", "ssh-agent", "git"].every((program) => findProgram(program)) && "needs git, ssh-agent and sshd";
}

export interface SshServer {
  /** `user@127.0.0.1:port`, who may log in. */
  readonly address: string;
  /** Its public host key, as known_hosts has it. */
  readonly hostKey: string;
  /** Socket of an agent that holds the key. */
  readonly agent: string;
  stop(): Promise<void>;
}

/** @param user whose agent it is: agents answer nobody else */
export async function startSshServer(user: TestUser): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), "berth-sshd-"));
  chownSync(folder, user.uid, user.gid);
  for (const name of ["host", "key"]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  const port = await freePort();
  const settings = {
    Port: port,
    ListenAddress: "127.0.0.1",
    HostKey: join(folder, "host"),
    AuthorizedKeysFile: join(folder, "key.pub"),
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    PermitRootLogin: "prohibit-password",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  writeFileSync(join(folder, "sshd_config"), lines.join(""));
  // As root it wants this directory, which is made when the machine starts.
  if (process.getuid!() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const server = spawn(findProgram("sshd")!, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  await saying(server, "stderr", "Server listening");
  const agent = join(folder, "agent");
  const asUser = { uid: user.uid, gid: user.gid };
  const keeper = spawn("ssh-agent", ["-D", "-a", agent], { stdio: ["ignore", "pipe", "ignore"], ...asUser });
  await saying(keeper, "stdout", "SSH_AUTH_SOCK=");
  const env = { ...process.env, SSH_AUTH_SOCK: agent };
  execFileSync("ssh-add", ["-q", "-"], { input: readFileSync(join(folder, "key")), env, ...asUser });
  return {
    address: `${userInfo().username}@127.0.0.1:${port}`,
    hostKey: readFileSync(join(folder, "host.pub"), "utf8").trim(),
    agent,
    stop: async () => {
      for (const child of [server, keeper]) {
        const ended = once(child, "exit");
        if (child.kill("SIGKILL")) await ended;
      }
      rmSync(folder, { recursive: true });
    },
  };
}

/** Resolves when it has said so. */
function saying(child: ChildProcess, stream: "stdout" | "stderr", words: string): Promise<void> {
  return new Promise((done, fail) => {
    let said = "";
    child[stream]!.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(words)) done();
    });
    child.once("exit", () => fail(new Error(`${child.spawnfile} ended: ${said}`)));
  });
}
