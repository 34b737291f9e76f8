/**
 * One login for all streams to a machine: the first ssh becomes the master of a socket in a folder of this user's own, those after it
 * go through it, and it ends a minute after the last of them. The user's own settings for that (`ControlPath`) are left alone.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

const PERSIST_SECONDS = 60;

/** A socket's path has 104 bytes at least, and ssh makes a longer one first. */
const LONGEST_PATH = 80;

/** By socket: the login that others wait for. */
const pending = new Map<string, Promise<void>>();

/** By the words that name the machine. */
const sockets = new Map<string, Promise<string | undefined>>();

export interface Login {
  /** What ssh is told. */
  readonly options: readonly string[];
  /** To be called when the stream has ended, whether it came to a login or not. */
  readonly ended: () => void;
}

/**
 * The way in for one more stream; resolves when it is this one's turn, which is at once when somebody has logged in already.
 * @param machine ssh's arguments that name it, such as `-p 22 -- host`
 */
export async function shareLogin(machine: readonly string[]): Promise<Login> {
  const path = await findSocket(machine);
  if (path === undefined) return { options: [], ended: () => {} };
  const options = ["ControlMaster=auto", `ControlPath=${path}`, `ControlPersist=${PERSIST_SECONDS}`].flatMap((option) => ["-o", option]);
  while (!existsSync(path) && pending.has(path)) await pending.get(path);
  return { options, ended: existsSync(path) ? () => {} : begin(path) };
}

/** Others wait until the socket is there, or the attempt is over. @returns what says that it is over */
function begin(path: string): () => void {
  let over!: () => void;
  const login = new Promise<void>((resolve) => (over = resolve));
  pending.set(path, login);
  const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
    if (name === basename(path) && existsSync(path)) over();
  });
  watcher.on("error", () => over());
  void login.then(() => {
    watcher.close();
    pending.delete(path);
  });
  return over;
}

/** Undefined where the user shares logins already, or there is no safe place for a socket. */
function findSocket(machine: readonly string[]): Promise<string | undefined> {
  const key = machine.join("\n");
  const known = sockets.get(key) ?? askSocket(machine, createHash("sha256").update(key).digest("hex").slice(0, 16));
  sockets.set(key, known);
  return known;
}

async function askSocket(machine: readonly string[], name: string): Promise<string | undefined> {
  const folder = socketFolder();
  if (folder === undefined) return undefined;
  const settings = await new Promise<string>((resolve) => {
    execFile("ssh", ["-G", ...machine], (_error, stdout) => resolve(stdout));
  });
  return /^controlpath (?!none$)/m.test(settings) ? undefined : join(folder, name);
}

/** Whoever can write there could take our place: it must be ours alone. */
function socketFolder(): string | undefined {
  if (process.platform === "win32") return undefined;
  const folder = join(process.env["XDG_RUNTIME_DIR"] || tmpdir(), `berth-ssh-${process.getuid!()}`);
  if (folder.length > LONGEST_PATH - 17) return undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(folder);
    return uid === process.getuid!() && (mode & 0o170077) === 0o040000 ? folder : undefined;
  } catch {
    return undefined;
  }
}
