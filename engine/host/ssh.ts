/** Another machine's engine through ssh, as docker does it: `ssh HOST docker system dial-stdio` is one byte stream. No native code here. */
import { spawn } from "node:child_process";
import { Duplex } from "node:stream";

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

/** Arguments of ssh. The connection is dropped when the other side is gone, and no password is asked for. */
export function sshArguments({ host, user, port, path }: SshTarget): string[] {
  const dial = [...(path ? ["--host", `unix://${path}`] : []), "system", "dial-stdio"].join(" ");
  return [
    "-o",
    "ConnectTimeout=30",
    "-o",
    "BatchMode=yes",
    "-T",
    ...(user ? ["-l", user] : []),
    ...(port ? ["-p", port] : []),
    "--",
    host,
    // A machine with Berth alone serves as well.
    `command -v docker >/dev/null 2>&1 && exec docker ${dial} || exec berth ${dial}`,
  ];
}

/** Opens one stream; ssh's own complaint becomes the stream's error. Destroying the stream ends ssh. */
export function dialSsh(address: string): Duplex {
  const child = spawn("ssh", sshArguments(parseSsh(address)), { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  const stream = new SocketLike({
    read: () => void child.stdout.resume(),
    write: (chunk, _encoding, done) => void child.stdin.write(chunk, (error) => done(error)),
    final: (done) => void child.stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stderr.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-2000)));
  child.once("error", (error) => stream.destroy(error));
  // Only now it is known whether the end of the output is a failure.
  child.once("close", (code) => {
    if (code) stream.destroy(new Error(`command [ssh ${address}] has exited with exit status ${code}, stderr=${complaint.trim()}`));
    else stream.push(null);
  });
  return stream;
}

/** With what node's HTTP agent calls on any socket that it keeps. */
class SocketLike extends Duplex {
  setKeepAlive(): void {}
  setNoDelay(): void {}
  setTimeout(): void {}
  ref(): void {}
  unref(): void {}
}
