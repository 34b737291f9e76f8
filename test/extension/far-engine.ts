/** An engine that is reached as one of another machine is: by TLS with certificates on both sides, and through a real sshd. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root, which } from "../../scripts/setup.mjs";
import { freePort, makeCertificates } from "../support/certificates.ts";

export interface FarEngine {
  /** `tcp://…`, with the folder of the client's certificates; undefined without openssl. */
  readonly tls: { readonly address: string; readonly certificates: string } | undefined;
  /** `ssh://…`; undefined without sshd. */
  readonly ssh: string | undefined;
  stop(): Promise<void>;
}

const program = join(root, "dist/berth");

/** @param base an own directory; its `bin` holds an `ssh` that knows the run's key */
export async function startFarEngine(base: string): Promise<FarEngine> {
  const directory = join(base, "far");
  const env = { ...process.env, BERTH_ROOT: join(directory, "engine"), BERTH_NODE: process.execPath };
  mkdirSync(directory);
  const tls = which("openssl") ? await listenArguments(directory) : undefined;
  await command([program, "engine", "start", ...(tls?.words ?? [])], { env });
  await command([program, "import", "-", "busybox:latest"], { env, input: await busyboxTar() });
  const sshd = which("sshd") ? await startSshd(base, join(env.BERTH_ROOT, "run/berth.sock")) : undefined;
  return {
    tls: tls && { address: tls.address, certificates: join(directory, "client") },
    ssh: sshd?.address,
    stop: async () => {
      sshd?.child.kill();
      await command([program, "engine", "stop"], { env });
    },
  };
}

async function listenArguments(directory: string): Promise<{ address: string; words: string[] }> {
  await makeCertificates(directory);
  const address = `tcp://127.0.0.1:${await freePort()}`;
  const file = (name: string): string => join(directory, `${name}.pem`);
  const words = ["--tlscacert", file("ca"), "--tlscert", file("server"), "--tlskey", file("server-key")];
  return { address, words: ["--listen", address, "--tlsverify", ...words] };
}

/** Answers on a free port of loopback, for one key. Its commands find `berth`. */
async function startSshd(base: string, socket: string): Promise<{ address: string; child: ChildProcess }> {
  const folder = join(base, "sshd");
  mkdirSync(folder, { mode: 0o700 });
  for (const name of ["host", "key"]) await command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  const port = await freePort();
  const path = [join(root, "dist/bin"), process.env["PATH"]].join(delimiter);
  const server = {
    Port: port,
    ListenAddress: "127.0.0.1",
    HostKey: join(folder, "host"),
    AuthorizedKeysFile: join(folder, "key.pub"),
    PermitRootLogin: "prohibit-password",
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    SetEnv: `PATH=${path} BERTH_NODE=${process.execPath}`,
  };
  const client = { IdentityFile: join(folder, "key"), StrictHostKeyChecking: "no", UserKnownHostsFile: "/dev/null", LogLevel: "ERROR" };
  writeFileSync(join(folder, "sshd_config"), lines(server));
  writeFileSync(join(folder, "ssh_config"), lines(client));
  mkdirSync(join(base, "bin"));
  writeFileSync(join(base, "bin/ssh"), `#!/bin/sh\nexec ${which("ssh")} -F ${join(folder, "ssh_config")} "$@"\n`);
  chmodSync(join(base, "bin/ssh"), 0o755);
  // As root it wants this directory, which is made when the machine starts.
  if (process.getuid!() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawn(which("sshd")!, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  await listening(child);
  return { address: `ssh://${userInfo().username}@127.0.0.1:${port}${socket}`, child };
}

const lines = (config: object): string =>
  Object.entries(config)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");

function listening(child: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    let said = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("Server listening")) done();
    });
    child.once("exit", () => fail(new Error(`sshd ended: ${said}`)));
  });
}
