/**
 * All commands: their names, what they are for, and where they live. A command's file is loaded when it is called.
 */
import type { Command } from "./cli.ts";

export interface Entry {
  /** Every full name, e.g. `container ls`, `container ps`, `ps`; within one group the first is the proper one. */
  readonly names: readonly string[];
  readonly summary: string;
  /** Understood, but not in the lists of commands. */
  readonly hidden?: boolean;
  load(): Promise<Command>;
}

/** Words that only group commands. */
export const GROUPS: Readonly<Record<string, string>> = {
  builder: "Manage builds",
  buildx: "Manage builds in buildx's words",
  builds: "Look into builds: why steps ran, their files, a shell in each",
  container: "Manage containers",
  context: "Manage contexts",
  engine: "Manage Berth's own engine",
  image: "Manage images",
  manifest: "Manage image manifests and manifest lists",
  network: "Manage networks",
  system: "Manage the engine",
  volume: "Manage volumes",
};

/** Shown first by `berth --help`. */
export const COMMON = ["run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"];

const entry = (names: string, summary: string, load: () => Promise<Command>): Entry => ({ names: names.split(", "), summary, load });
/** Forms that docker lacks but people write. */
const hidden = (names: string, load: () => Promise<Command>): Entry => ({ names: names.split(", "), summary: "", hidden: true, load });

export const ENTRIES: readonly Entry[] = [
  entry("container run, run", "Create and run a new container from an image", async () => (await import("./commands/run.ts")).run),
  entry("container exec, exec", "Execute a command in a running container", async () => (await import("./commands/exec.ts")).exec),
  entry("container ls, container list, container ps, ps", "List containers", async () => (await import("./commands/ps.ts")).ps),
  entry(
    "image build, build, builder build, buildx build, buildx b",
    "Build an image from a Dockerfile",
    async () => (await import("./commands/build.ts")).build,
  ),
  entry("image pull, pull", "Download an image from a registry", async () => (await import("./commands/pull.ts")).pull),
  entry("image push, push", "Upload an image to a registry", async () => (await import("./commands/push.ts")).push),
  entry("image ls, image list, images", "List images", async () => (await import("./commands/images.ts")).images),
  entry("login", "Authenticate to a registry", async () => (await import("./commands/login.ts")).login),
  entry("logout", "Log out from a registry", async () => (await import("./commands/login.ts")).logout),
  entry("search", "Search Docker Hub for images", async () => (await import("./commands/search.ts")).search),
  entry("version", "Show the Berth version information", async () => (await import("./commands/version.ts")).version),
  entry("system info, info", "Display system-wide information", async () => (await import("./commands/info.ts")).info),
  entry(
    "container attach, attach",
    "Attach local standard input, output, and error streams to a running container",
    async () => (await import("./commands/attach.ts")).attach,
  ),
  entry(
    "container commit, commit",
    "Create a new image from a container's changes",
    async () => (await import("./commands/commit.ts")).commit,
  ),
  entry(
    "container cp, cp",
    "Copy files/folders between a container and the local filesystem",
    async () => (await import("./commands/cp.ts")).cp,
  ),
  entry("container create, create", "Create a new container", async () => (await import("./commands/create.ts")).create),
  entry(
    "container diff, diff",
    "Inspect changes to files or directories on a container's filesystem",
    async () => (await import("./commands/diff.ts")).diff,
  ),
  entry("system events, events", "Get real time events from the server", async () => (await import("./commands/events.ts")).events),
  entry(
    "container export, export",
    "Export a container's filesystem as a tar archive",
    async () => (await import("./commands/export.ts")).exportContainer,
  ),
  entry("image history, history", "Show the history of an image", async () => (await import("./commands/history.ts")).history),
  entry(
    "image import, import",
    "Import the contents from a tarball to create a filesystem image",
    async () => (await import("./commands/import.ts")).importImage,
  ),
  entry("inspect", "Return low-level information on Docker objects", async () => (await import("./commands/inspect.ts")).inspect),
  entry("container kill, kill", "Kill one or more running containers", async () => (await import("./commands/stop.ts")).kill),
  entry("image load, load", "Load an image from a tar archive or STDIN", async () => (await import("./commands/load.ts")).load),
  entry("container logs, logs", "Fetch the logs of a container", async () => (await import("./commands/logs.ts")).logs),
  entry(
    "container pause, pause",
    "Pause all processes within one or more containers",
    async () => (await import("./commands/pause.ts")).pause,
  ),
  entry(
    "container port, port",
    "List port mappings or a specific mapping for the container",
    async () => (await import("./commands/port.ts")).port,
  ),
  entry("container rename, rename", "Rename a container", async () => (await import("./commands/rename.ts")).rename),
  entry("container restart, restart", "Restart one or more containers", async () => (await import("./commands/stop.ts")).restart),
  entry("container rm, container remove, rm", "Remove one or more containers", async () => (await import("./commands/rm.ts")).rm),
  entry("image rm, image remove, rmi", "Remove one or more images", async () => (await import("./commands/rmi.ts")).rmi),
  entry(
    "image save, save",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    async () => (await import("./commands/save.ts")).save,
  ),
  entry("container start, start", "Start one or more stopped containers", async () => (await import("./commands/start.ts")).start),
  entry(
    "container stats, stats",
    "Display a live stream of container(s) resource usage statistics",
    async () => (await import("./commands/stats.ts")).stats,
  ),
  entry("container stop, stop", "Stop one or more running containers", async () => (await import("./commands/stop.ts")).stop),
  entry("image tag, tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", async () => (await import("./commands/tag.ts")).tag),
  entry("container top, top", "Display the running processes of a container", async () => (await import("./commands/top.ts")).top),
  entry(
    "container unpause, unpause",
    "Unpause all processes within one or more containers",
    async () => (await import("./commands/pause.ts")).unpause,
  ),
  entry(
    "container update, update",
    "Update configuration of one or more containers",
    async () => (await import("./commands/update.ts")).update,
  ),
  entry(
    "container wait, wait",
    "Block until one or more containers stop, then print their exit codes",
    async () => (await import("./commands/wait.ts")).wait,
  ),
  entry(
    "container inspect",
    "Display detailed information on one or more containers",
    async () => (await import("./commands/inspect.ts")).containerInspect,
  ),
  entry("container prune", "Remove all stopped containers", async () => (await import("./commands/prune.ts")).containerPrune),
  entry(
    "image inspect",
    "Display detailed information on one or more images",
    async () => (await import("./commands/inspect.ts")).imageInspect,
  ),
  entry("image prune", "Remove unused images", async () => (await import("./commands/prune.ts")).imagePrune),
  entry(
    "manifest inspect",
    "Display an image manifest, or manifest list",
    async () => (await import("./commands/manifest.ts")).manifestInspect,
  ),
  entry(
    "manifest create",
    "Create a local manifest list for annotating and pushing to a registry",
    async () => (await import("./commands/manifest-lists.ts")).manifestCreate,
  ),
  entry(
    "manifest annotate",
    "Add additional information to a local image manifest",
    async () => (await import("./commands/manifest-lists.ts")).manifestAnnotate,
  ),
  entry("manifest push", "Push a manifest list to a repository", async () => (await import("./commands/manifest-lists.ts")).manifestPush),
  entry(
    "manifest rm",
    "Delete one or more manifest lists from local storage",
    async () => (await import("./commands/manifest-lists.ts")).manifestRm,
  ),
  entry("buildx ls, builder ls", "List builders: the engine is the only one", async () => (await import("./commands/buildx.ts")).buildxLs),
  entry("buildx inspect, builder inspect", "Show the builder", async () => (await import("./commands/buildx.ts")).buildxInspect),
  entry("buildx version, builder version", "Show the version", async () => (await import("./commands/buildx.ts")).buildxVersion),
  hidden("buildx use, builder use", async () => (await import("./commands/buildx.ts")).buildxUse),
  hidden("buildx stop, builder stop", async () => (await import("./commands/buildx.ts")).buildxStop),
  hidden("buildx bake, buildx f, builder bake", async () => (await import("./commands/buildx.ts")).buildxBake),
  hidden("buildx create, builder create", async () => (await import("./commands/buildx.ts")).buildxCreate),
  hidden("buildx rm, builder rm", async () => (await import("./commands/buildx.ts")).buildxRm),
  hidden("buildx imagetools, builder imagetools", async () => (await import("./commands/buildx.ts")).buildxImagetools),
  hidden("buildx history, builder history", async () => (await import("./commands/buildx.ts")).buildxHistory),
  entry(
    "buildx du, builder du",
    "Disk usage of the build cache",
    async () => (await import("./commands/build-cache-usage.ts")).buildCacheUsage,
  ),
  entry("builder prune, buildx prune", "Remove build cache", async () => (await import("./commands/prune.ts")).builderPrune),
  entry("builds ls, builds list, buildx history ls", "List builds", async () => (await import("./commands/builds.ts")).buildsLs),
  entry(
    "builds inspect, buildx history inspect",
    "Show what each step of a build did, and why",
    async () => (await import("./commands/builds.ts")).buildsInspect,
  ),
  entry(
    "builds logs, buildx history logs",
    "Print what a build's steps printed",
    async () => (await import("./commands/builds.ts")).buildsLogs,
  ),
  entry("builds shell", "Open a shell in a step of a build", async () => (await import("./commands/builds.ts")).buildsShell),
  entry(
    "builds files",
    "List a directory or print a file as a step left it",
    async () => (await import("./commands/builds.ts")).buildsFiles,
  ),
  entry("builds diff", "Show what a step changed", async () => (await import("./commands/builds.ts")).buildsDiff),
  entry(
    "builds predict",
    "Say which steps a build would run, and why, without building",
    async () => (await import("./commands/builds.ts")).buildsPredict,
  ),
  entry("builds rm, builds remove, buildx history rm", "Forget builds", async () => (await import("./commands/builds.ts")).buildsRm),
  entry("network connect", "Connect a container to a network", async () => (await import("./commands/network-connect.ts")).networkConnect),
  entry("network create", "Create a network", async () => (await import("./commands/network-create.ts")).networkCreate),
  entry(
    "network disconnect",
    "Disconnect a container from a network",
    async () => (await import("./commands/network-connect.ts")).networkDisconnect,
  ),
  entry(
    "network inspect",
    "Display detailed information on one or more networks",
    async () => (await import("./commands/inspect.ts")).networkInspect,
  ),
  entry("network ls, network list", "List networks", async () => (await import("./commands/network-ls.ts")).networkLs),
  entry("network prune", "Remove all unused networks", async () => (await import("./commands/prune.ts")).networkPrune),
  entry("network rm, network remove", "Remove one or more networks", async () => (await import("./commands/network-ls.ts")).networkRm),
  entry("volume create", "Create a volume", async () => (await import("./commands/volume.ts")).volumeCreate),
  entry(
    "volume inspect",
    "Display detailed information on one or more volumes",
    async () => (await import("./commands/inspect.ts")).volumeInspect,
  ),
  entry("volume ls, volume list", "List volumes", async () => (await import("./commands/volume.ts")).volumeLs),
  entry("volume prune", "Remove unused local volumes", async () => (await import("./commands/prune.ts")).volumePrune),
  entry("volume rm, volume remove", "Remove one or more volumes", async () => (await import("./commands/volume.ts")).volumeRm),
  entry("system df", "Show berth disk usage", async () => (await import("./commands/system-df.ts")).systemDf),
  entry("system prune", "Remove unused data", async () => (await import("./commands/prune.ts")).systemPrune),
  entry("context ls, context list", "List contexts", async () => (await import("./commands/context.ts")).contextLs),
  entry("context create", "Create a context", async () => (await import("./commands/context.ts")).contextCreate),
  entry(
    "context export",
    "Export a context to a tar archive FILE or a tar stream on STDOUT.",
    async () => (await import("./commands/context.ts")).contextExport,
  ),
  entry("context import", "Import a context from a tar or zip file", async () => (await import("./commands/context.ts")).contextImport),
  entry(
    "context inspect",
    "Display detailed information on one or more contexts",
    async () => (await import("./commands/context.ts")).contextInspect,
  ),
  entry("context rm, context remove", "Remove one or more contexts", async () => (await import("./commands/context.ts")).contextRm),
  entry("context update", "Update a context", async () => (await import("./commands/context.ts")).contextUpdate),
  entry("context use", "Set the current docker context", async () => (await import("./commands/context.ts")).contextUse),
  entry("context show", "Print the name of the current context", async () => (await import("./commands/context.ts")).contextShow),
  entry("engine start", "Start the engine and wait until it answers", async () => (await import("./commands/engine.ts")).engineStart),
  entry(
    "engine stop",
    "Stop the engine, its containers and all its processes",
    async () => (await import("./commands/engine.ts")).engineStop,
  ),
  entry(
    "engine status",
    "Say whether the engine runs, and what this machine lacks",
    async () => (await import("./commands/engine.ts")).engineStatus,
  ),
  entry("engine socket", "Print the engine's address for DOCKER_HOST", async () => (await import("./commands/engine.ts")).engineSocket),
  entry("engine logs", "Print what the engine itself has to say", async () => (await import("./commands/engine.ts")).engineLogs),
  entry("compose", "Define and run multi-container applications", async () => (await import("./commands/compose.ts")).compose),
  hidden("prune", async () => (await import("./commands/prune.ts")).systemPrune),
  hidden("container tag", async () => (await import("./commands/tag.ts")).tag),
  hidden("container import", async () => (await import("./commands/import.ts")).importImage),
  hidden("container network connect", async () => (await import("./commands/network-connect.ts")).networkConnect),
  hidden("container network disconnect", async () => (await import("./commands/network-connect.ts")).networkDisconnect),
  hidden("system dial-stdio", async () => (await import("./commands/dial-stdio.ts")).dialStdio),
];

/** What a command line names. `path` is the proper name of what was found. */
export type Found =
  | { readonly kind: "command"; readonly entry: Entry; readonly path: string; readonly rest: readonly string[] }
  | { readonly kind: "group"; readonly path: string; readonly rest: readonly string[] }
  | { readonly kind: "unknown"; readonly path: string; readonly near: readonly string[] };

/** Finds the command with the longest name that `words` begin with. */
export function findCommand(words: readonly string[]): Found {
  for (const size of [3, 2, 1]) {
    const name = words.slice(0, size).join(" ");
    const entry = words.length >= size ? ENTRIES.find(({ names }) => names.includes(name)) : undefined;
    if (entry) return { kind: "command", entry, path: properName(entry, name), rest: words.slice(size) };
  }
  const first = words[0] ?? "";
  if (!Object.hasOwn(GROUPS, first)) return { kind: "unknown", path: first, near: topLevelNames() };
  const second = words[1];
  if (second === undefined || second.startsWith("-")) return { kind: "group", path: first, rest: words.slice(1) };
  return { kind: "unknown", path: `${first} ${second}`, near: groupNames(first) };
}

/** `container ps` is properly `container ls`. */
function properName(entry: Entry, name: string): string {
  const group = name.slice(0, name.lastIndexOf(" ") + 1);
  return entry.names.find((other) => other.slice(0, other.lastIndexOf(" ") + 1) === group) ?? name;
}

/** Words that may come first. */
export function topLevelNames(): string[] {
  return [...ENTRIES.flatMap(({ names }) => names.filter((name) => !name.includes(" "))), ...Object.keys(GROUPS)];
}

/** Words that may follow a group, every command once. */
export function groupNames(group: string): string[] {
  return groupEntries(group).map(({ name }) => name);
}

/** Commands of a group as its help lists them. */
export function groupEntries(group: string): { name: string; summary: string }[] {
  const prefix = `${group} `;
  return ENTRIES.filter((entry) => !entry.hidden)
    .flatMap((entry) => {
      const name = entry.names.find((one) => one.startsWith(prefix));
      return name ? [{ name: name.slice(prefix.length), summary: entry.summary }] : [];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
