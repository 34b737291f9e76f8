/** What the frontend needs before anything runs: the Dockerfile, its .dockerignore, and a context that comes as an archive. */
import type { Readable } from "node:stream";
import { plainArchive } from "../archive.ts";
import { isOn } from "../build-args.ts";
import { fetchContext } from "../remote-context.ts";
import type { RemoteContext } from "../remote-context.ts";
import { receiveContext } from "../tar-tree.ts";
import { readUpload } from "./export.ts";
import { readFiles } from "./file-sync.ts";
import { GrpcError, UNKNOWN } from "./grpc.ts";
import { dockerfileOf, remoteContext, requestOptions, uploadedContext } from "./options.ts";
import type { FrontendOptions } from "./options.ts";
import type { SolveScope } from "./solve-scope.ts";
import type { Vertex } from "./status.ts";

/** What the frontend has loaded. */
export interface Loaded {
  readonly options: FrontendOptions;
  readonly name: string;
  /** Undefined when it is in the archive. */
  readonly dockerfile: Buffer | undefined;
  readonly dockerignore: string;
  /** The context when it was fetched, or uploaded as an archive. */
  readonly archive: string | undefined;
  /** Where the engine fetched it from. */
  readonly remote?: RemoteContext["remote"];
}

/** @throws {GrpcError} when there is no Dockerfile */
export async function loadSource(scope: SolveScope, options: FrontendOptions): Promise<Loaded> {
  const { archive } = scope;
  if (archive) return loadArchive(scope, options, await received(scope, archive));
  const upload = uploadedContext(options);
  if (upload) return loadArchive(scope, options, await received(scope, async () => readUpload(scope.session, upload)));
  const remote = remoteContext(options);
  if (remote === undefined) return loadFiles(scope, options);
  const {
    dir,
    dockerfile,
    remote: fetched,
  } = await scope.vertex("[internal] load remote build context").during(async () =>
    fetchContext(remote, await scope.scratch(), {
      signal: scope.signal,
      access: scope.access(),
      keepGitDir: isOn(requestOptions(options).buildArgs, "BUILDKIT_CONTEXT_KEEP_GIT_DIR"),
    }),
  );
  const loaded = await loadArchive(scope, dockerfile === undefined ? options : { ...options, filename: dockerfile }, dir);
  return { ...loaded, remote: fetched };
}

/** The Dockerfile is in the context, or the client sends it apart. */
async function loadArchive(scope: SolveScope, options: FrontendOptions, archive: string): Promise<Loaded> {
  const name = options["filename"] || "Dockerfile";
  if (options["dockerfilekey"] === undefined) return { options, name, dockerfile: undefined, dockerignore: "", archive };
  const key = options["dockerfilekey"];
  const vertex = scope.vertex(`[internal] load build definition from ${name.split("/").at(-1)!}`);
  const files = await vertex.during(() => small(scope, key, options, { vertex, follow: [name] }));
  return { options, name, dockerfile: files.get(name), dockerignore: "", archive };
}

async function received(scope: SolveScope, upload: () => Promise<Readable>): Promise<string> {
  const directory = await scope.scratch();
  return scope
    .vertex("[internal] load remote build context")
    .during(async () => receiveContext(await plainArchive(await upload()), directory, { signal: scope.signal }));
}

async function loadFiles(scope: SolveScope, options: FrontendOptions): Promise<Loaded> {
  const name = options["filename"] || "Dockerfile";
  const vertex = scope.vertex(`[internal] load build definition from ${name.split("/").at(-1)!}`);
  const files = await vertex.during(async () => {
    const found = await small(scope, "dockerfile", options, { vertex, follow: [name, `${name}.dockerignore`, "dockerfile"] });
    if (!dockerfileOf(found, name)) throw new GrpcError(UNKNOWN, `failed to read dockerfile: open ${name}: no such file or directory`);
    return found;
  });
  const ignoring = scope.vertex("[internal] load .dockerignore");
  const dockerignore = await ignoring.during(
    async () =>
      files.get(`${name}.dockerignore`) ??
      (await small(scope, "context", options, { vertex: ignoring, follow: [".dockerignore"] })).get(".dockerignore"),
  );
  return { options, name, dockerfile: dockerfileOf(files, name)!, dockerignore: dockerignore?.toString() ?? "", archive: undefined };
}

/** Files that are read whole. */
async function small(
  scope: SolveScope,
  directory: string,
  options: FrontendOptions,
  { vertex, follow }: { vertex: Vertex; follow: readonly string[] },
): Promise<Map<string, Buffer>> {
  const session = await scope.sessionOf(options, directory);
  const { progress, done } = vertex.transfer(`transferring ${directory}:`);
  const files = await readFiles(session, { directory, follow }, { signal: scope.signal, progress });
  done([...files.values()].reduce((sum, { length }) => sum + length, 0));
  return files;
}
