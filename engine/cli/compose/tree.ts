/**
 * The verbs of `berth compose`: their names, what they are for, and where they live.
 */
import type { ComposeCommand } from "./compose.ts";

export interface ComposeEntry {
  /** The first is the proper one. */
  readonly names: readonly string[];
  readonly summary: string;
  load(): Promise<ComposeCommand>;
}

const entry = (names: string, summary: string, load: () => Promise<ComposeCommand>): ComposeEntry => ({
  names: names.split(", "),
  summary,
  load,
});

export const COMPOSE_ENTRIES: readonly ComposeEntry[] = [
  entry(
    "attach",
    "Attach local standard input, output, and error streams to a service's running container",
    async () => (await import("./attach.ts")).attach,
  ),
  entry("bridge", "Convert compose files into another model", async () => (await import("./elsewhere.ts")).bridge),
  entry("build", "Build or rebuild services", async () => (await import("./build.ts")).build),
  entry("commit", "Create a new image from a service container's changes", async () => (await import("./attach.ts")).commit),
  entry("config, convert", "Parse, resolve and render compose file in canonical format", async () => (await import("./config.ts")).config),
  entry("cp", "Copy files/folders between a service container and the local filesystem", async () => (await import("./cp.ts")).cp),
  entry("create", "Creates containers for a service", async () => (await import("./up.ts")).create),
  entry("down", "Stop and remove containers, networks", async () => (await import("./down.ts")).down),
  entry("events", "Receive real time events from containers", async () => (await import("./events.ts")).events),
  entry("exec", "Execute a command in a running container", async () => (await import("./exec.ts")).exec),
  entry("export", "Export a service container's filesystem as a tar archive", async () => (await import("./attach.ts")).exportContainer),
  entry("images", "List images used by the created containers", async () => (await import("./images.ts")).images),
  entry("kill", "Force stop service containers", async () => (await import("./life.ts")).kill),
  entry("logs", "View output from containers", async () => (await import("./logs.ts")).logs),
  entry("ls", "List running compose projects", async () => (await import("./ls.ts")).ls),
  entry("pause", "Pause services", async () => (await import("./life.ts")).pause),
  entry("port", "Print the public port for a port binding", async () => (await import("./port.ts")).port),
  entry("ps", "List containers", async () => (await import("./ps.ts")).ps),
  entry("publish", "Publish compose application", async () => (await import("./elsewhere.ts")).publish),
  entry("pull", "Pull service images", async () => (await import("./pull.ts")).pull),
  entry("push", "Push service images", async () => (await import("./pull.ts")).push),
  entry("restart", "Restart service containers", async () => (await import("./life.ts")).restart),
  entry("rm", "Removes stopped service containers", async () => (await import("./down.ts")).rm),
  entry("run", "Run a one-off command on a service", async () => (await import("./run.ts")).run),
  entry("scale", "Scale services", async () => (await import("./up.ts")).scale),
  entry("start", "Start services", async () => (await import("./life.ts")).start),
  entry("stats", "Display a live stream of container(s) resource usage statistics", async () => (await import("./top.ts")).stats),
  entry("stop", "Stop services", async () => (await import("./life.ts")).stop),
  entry("top", "Display the running processes", async () => (await import("./top.ts")).top),
  entry("unpause", "Unpause services", async () => (await import("./life.ts")).unpause),
  entry("up", "Create and start containers", async () => (await import("./up.ts")).up),
  entry("version", "Show the Docker Compose version information", async () => (await import("./version.ts")).version),
  entry("volumes", "List volumes", async () => (await import("./ls.ts")).volumes),
  entry("wait", "Block until containers of all (or specified) services stop.", async () => (await import("./life.ts")).wait),
  entry(
    "watch",
    "Watch build context for service and rebuild/refresh containers when files are updated",
    async () => (await import("./watch.ts")).watch,
  ),
];

/** The verb of that name. */
export function findVerb(name: string): ComposeEntry | undefined {
  return COMPOSE_ENTRIES.find(({ names }) => names.includes(name));
}
