/**
 * Where an engine keeps things. Every path of an engine derives from here, so that two roots never meet.
 */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface EnginePaths {
  /** What `--root` named, or null for the user's own engine. */
  readonly root: string | null;
  /** Big and durable: blobs, layers, volumes, container writable layers. */
  readonly storage: string;
  /** Small and durable: one JSON file an object. */
  readonly state: string;
  /** Gone after a reboot: socket, pids, FIFOs, bundles, namespaces. Mode 0700. */
  readonly run: string;
  /** The Docker Engine API; mode 0600. */
  readonly socket: string;
  /** The engine's own log. */
  readonly log: string;
}

/** A unix socket's path has to fit in `sockaddr_un`, 108 bytes with its NUL. */
const LONGEST_SOCKET_PATH = 107;

/**
 * Paths of the engine of `--root` (or `BERTH_ROOT`), or of the user's own engine when `root` is absent or empty.
 * A root whose socket path would be too long gets its run directory under the user's runtime directory instead.
 */
export function enginePaths(root: string | undefined, env: NodeJS.ProcessEnv = process.env, uid = process.getuid!()): EnginePaths {
  if (root) return rootedPaths(resolve(root), env, uid);
  const storage = uid === 0 ? "/var/lib/berth" : join(env["XDG_DATA_HOME"] || join(homedir(), ".local/share"), "berth");
  const run = join(runtimeDirectory(env, uid), uid === 0 || env["XDG_RUNTIME_DIR"] ? "berth" : `berth-${uid}`);
  return { root: null, storage, state: join(storage, "state"), run, socket: join(run, "berth.sock"), log: join(storage, "engine.log") };
}

function rootedPaths(root: string, env: NodeJS.ProcessEnv, uid: number): EnginePaths {
  let run = join(root, "run");
  // Names below run/ (FIFOs and control sockets of containers) are longer than the API's socket: leave them room.
  if (join(run, "berth.sock").length > LONGEST_SOCKET_PATH - 16) {
    const hash = createHash("sha256").update(root).digest("hex").slice(0, 12);
    run = join(runtimeDirectory(env, uid), `berth-${uid}-${hash}`);
  }
  return {
    root,
    storage: join(root, "storage"),
    state: join(root, "state"),
    run,
    socket: join(run, "berth.sock"),
    log: join(root, "engine.log"),
  };
}

/** Where builds are announced; see announcements.ts. */
export function announcementsPath({ run }: Pick<EnginePaths, "run">): string {
  return join(run, "builds.fifo");
}

function runtimeDirectory(env: NodeJS.ProcessEnv, uid: number): string {
  if (uid === 0) return "/run";
  return env["XDG_RUNTIME_DIR"] || "/tmp";
}

/** Tells this engine's things from another engine's on the same machine. */
export function engineName(paths: EnginePaths): string {
  if (paths.root === null) return "berth";
  return `berth-${createHash("sha256").update(paths.run).digest("hex").slice(0, 8)}`;
}
