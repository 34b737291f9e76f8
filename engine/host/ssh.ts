/** Another machine's engine through ssh, as docker does it: `ssh HOST docker system dial-stdio` is one byte stream. No native code here. */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Duplex } from "node:stream";
import { explainComplaint } from "./ssh-complaint.ts";
import { shareLogin } from "./ssh-login.ts";

export interface SshTarget {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: string | undefined;
  /** Socket on that machine; undefined for its docker's own choice. */
  readonly path: string | undefined;
}

/** Reads `ssh://[user@]host[:port][/path/to/socket]`. @throws {Error} in docker's words */
export function parseSsh(address: string): SshTarget {
  const url = new URL(address);
  if (url.password) throw new Error("plain-text password is not supported");
  if (!url.hostname) throw new Error("no host specified");
  if (url.hostname.startsWith("-")) throw new Error("invalid hostname");
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    user: decodeURIComponent(url.username) || undefined,
    port: url.port || undefined,
    path: url.pathname === "" || url.pathname === "/" ? undefined : url.pathname,
  };
}

/** Arguments of ssh that name the machine. */
function machineOf({ host, user, port }: SshTarget): string[] {
  return [...(user ? ["-l", user] : []), ...(port ? ["-p", port] : []), "--", host];
}

/** Arguments of ssh. The connection is dropped when the other side is gone, and no password is asked for. */
export function sshArguments(target: SshTarget, options: readonly string[] = []): string[] {
  const { path } = target;
  const dial = [...(path ? ["--host", `unix://${path}`] : []), "system", "dial-stdio"].join(" ");
  return [
    "-o",
    "ConnectTimeout=30",
    "-o",
    "BatchMode=yes",
    ...options,
    "-T",
    ...machineOf(target),
    // A machine with Berth alone serves as well.
    `command -v docker >/dev/null 2>&1 && exec docker ${dial} || exec berth ${dial}`,
  ];
}

/**
 * Opens one stream; all streams to a machine share one login. ssh's own complaint becomes the stream's error, behind what it means.
 * Destroying the stream ends ssh.
 */
export function dialSsh(address: string): Duplex {
  const target = parseSsh(address);
  let child: ChildProcessWithoutNullStreams | undefined;
  const begun = begin(target, (made) => (child = made));
  const stream = new SocketLike({
    read: () => void child?.stdout.resume(),
    write: (chunk, _encoding, done) => void begun.then(({ stdin }) => stdin.write(chunk, (error) => done(error)), done),
    final: (done) => void begun.then(({ stdin }) => stdin.end(() => done()), done),
    destroy: (error, done) => {
      if (child) child.kill();
      else void begun.then((late) => late.kill()).catch(() => {});
      done(error);
    },
  });
  begun.then(
    (made) => pass(made, stream, { target, address }),
    (error: Error) => stream.destroy(error),
  );
  return stream;
}

/** Starts ssh as soon as it may log in, or need not. */
async function begin(target: SshTarget, made: (child: ChildProcessWithoutNullStreams) => void): Promise<ChildProcessWithoutNullStreams> {
  const { options, ended } = await shareLogin(machineOf(target));
  const child = spawn("ssh", sshArguments(target, options), { stdio: ["pipe", "pipe", "pipe"] });
  child.once("error", ended).once("exit", ended);
  made(child);
  return child;
}

function pass(child: ChildProcessWithoutNullStreams, stream: Duplex, { target, address }: { target: SshTarget; address: string }): void {
  let complaint = "";
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stderr.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-2000)));
  child.once("error", (error: NodeJS.ErrnoException) =>
    stream.destroy(error.code === "ENOENT" ? new Error("Cannot find the program ssh: install an SSH client (openssh-client)") : error),
  );
  // Only now it is known whether the end of the output is a failure.
  child.once("close", (code) => {
    if (!code) return stream.push(null);
    const said = `command [ssh ${address}] has exited with exit status ${code}, stderr=${complaint.trim()}`;
    return stream.destroy(new Error([explainComplaint(target, complaint), said].filter(Boolean).join("\n")));
  });
}

/** With what node's HTTP agent calls on any socket that it keeps. */
class SocketLike extends Duplex {
  setKeepAlive(): void {}
  setNoDelay(): void {}
  setTimeout(): void {}
  ref(): void {}
  unref(): void {}
}
