import { writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import type { BuildProgress } from "../../api/types/builds.ts";
import type { AuthConfig, JsonMessage } from "../../api/types/image.ts";
import type { BuildOptions } from "../../client/build.ts";
import { announceBuild } from "../build-announce.ts";
import { attestations } from "../build-attest.ts";
import { buildArgs } from "../build-args.ts";
import { cacheFields } from "../build-cache.ts";
import { checkBuildFlags } from "../build-checks.ts";
import { buildCall } from "../build-call.ts";
import type { BuildFlags } from "../build-call.ts";
import { openContext } from "../build-context.ts";
import type { BuildContext } from "../build-context.ts";
import { BuildReader } from "../build-events.ts";
import type { BuildEvent } from "../build-events.ts";
import { checkAttestations, checkOutputs, checkPlatforms, readOutputs, sendOutputs } from "../build-outputs.ts";
import { PlainScreen } from "../build-plain.ts";
import type { BuildScreen } from "../build-plain.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { allCredentials } from "../credentials.ts";
import { IGNORED_FLAGS, ignoredWarnings } from "../build-ignored.ts";
import { bool, bytes, list, strings, text } from "../flags.ts";
import { StreamError, progressBar, throwFailure } from "../progress.ts";
import { pairs } from "../run-config/text.ts";
import { familiarReference, fullName, parseReference, withDefaultTag } from "../../syntax/reference.ts";

export const build = command({
  usage: "[OPTIONS] PATH | URL | -",
  arity: [1, 1],
  flags: {
    ...IGNORED_FLAGS,
    "add-host": strings('Add a custom host-to-IP mapping (format: "host:ip")'),
    allow: list('Allow extra privileged entitlement (e.g., "network.host", "security.insecure")'),
    annotation: list("Add annotation to the image"),
    attest: list('Attestation parameters (format: "type=provenance,mode=max")'),
    "build-arg": list("Set build-time variables"),
    "build-context": list("Additional build contexts (e.g., name=path)"),
    builder: text("There is one builder, so this changes nothing", { hidden: true }),
    "cache-from": list('External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
    "cache-to": list('Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")'),
    call: text('Set method for evaluating build ("check", "outline", "targets")', { initial: "build" }),
    "cgroup-parent": text('Set the parent cgroup for the "RUN" instructions during build'),
    check: bool('Shorthand for "--call=check"'),
    file: text('Name of the Dockerfile (default: "PATH/Dockerfile")', { short: "f" }),
    "force-rm": bool("Always remove intermediate containers", { hidden: true }),
    iidfile: text("Write the image ID to a file"),
    label: list("Set metadata for an image"),
    load: bool('Shorthand for "--output=type=docker"'),
    "metadata-file": text("Write build result metadata to a file"),
    network: text('Set the networking mode for the "RUN" instructions during build', { initial: "default" }),
    "no-cache": bool("Do not use cache when building the image"),
    "no-cache-filter": list("Do not cache specified stages"),
    output: list('Output destination (format: "type=local,dest=path")', { short: "o" }),
    platform: list("Set target platform for build"),
    progress: text('Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty", "classic")', { initial: "auto" }),
    provenance: text('Shorthand for "--attest=type=provenance"'),
    pull: bool("Always attempt to pull all referenced images"),
    push: bool('Shorthand for "--output=type=registry"'),
    quiet: bool("Suppress the build output and print image ID on success", { short: "q" }),
    rm: bool("Remove intermediate containers after a successful build", { initial: true, hidden: true }),
    sbom: text('Shorthand for "--attest=type=sbom"', { hidden: true }),
    secret: list('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
    "shm-size": bytes("Shared memory size for build containers"),
    ssh: list('SSH agent socket to expose to the build (format: "default|<id>[=<socket>]")'),
    tag: list('Image identifier (format: "[registry/]repository[:tag]")', { short: "t", check: checkTag }),
    target: text("Set the target build stage to build"),
    ulimit: list("Ulimit options"),
  },
  async run(cli, { args: [path = ""], flags }) {
    const call = flags.check ? "check" : flags.call || "build";
    if (call !== "build") return (await import("../build-method.ts")).runMethod(cli, { call, path, flags });
    for (const warning of ignoredWarnings(flags)) cli.complain(warning);
    await checkBuildFlags(flags);
    const mode = progressMode(cli, flags);
    const outputs = readOutputs(flags);
    const tags = [...flags.tag, ...outputs.flatMap(({ names }) => names)];
    checkOutputs(cli, outputs, tags);
    checkPlatforms(outputs, flags.platform);
    checkAttestations(outputs, attestations(flags));
    // Only our own engine hears it.
    const announced = await announceBuild(cli, path);
    const context = await openContext(cli, path, flags.file);
    const client = await cli.client();
    const auth = await allCredentials(cli);
    const parts = {
      mode,
      announced,
      context,
      flags,
      tags,
      auth,
      silent: outputs.some(({ dest }) => dest === "-") || (flags.progress === "none" && !flags.quiet),
    };
    const isExact = mode !== "classic" && (announced !== undefined || (await client.connection.isBerth(cli.signal)));
    const { build: record, id, digest } = isExact ? await buildExact(cli, parts) : await buildClassic(cli, parts);
    await sendOutputs(cli, outputs, { image: id, tags });
    if (flags.iidfile) await writeFile(flags.iidfile, id);
    if (flags["metadata-file"]) await writeMetadata(flags["metadata-file"], { build: record, id, digest, tags });
    return undefined;
  },
});

/** @param digest of what the names stand for */
async function writeMetadata(path: string, { build: record, id, digest, tags }: Built & { tags: readonly string[] }): Promise<void> {
  const metadata = {
    ...(record !== "" && { "buildx.build.ref": `default/default/${record}` }),
    "containerimage.config.digest": id,
    "containerimage.digest": digest,
    ...(tags.length > 0 && { "image.name": tags.map(fullName).join(",") }),
  };
  await writeFile(path, `${JSON.stringify(metadata, undefined, 2)}\n`);
}

/** The image's id, and the digest of it or of the index over it. */
interface Built {
  /** The engine's record, or "". */
  readonly build: string;
  readonly id: string;
  readonly digest: string;
}

type Mode = "plain" | "tty" | "quiet" | "rawjson" | "classic";

interface Parts {
  readonly mode: Mode;
  readonly announced: string | undefined;
  readonly context: BuildContext;
  readonly flags: BuildFlags;
  readonly tags: readonly string[];
  readonly auth: Readonly<Record<string, AuthConfig>>;
  /** The result itself goes to stdout. */
  readonly silent: boolean;
}

/** By our own engine, which reads the context where it lies. */
async function buildExact(cli: Cli, parts: Parts): Promise<Built> {
  const client = await cli.client();
  const call = await buildCall(cli, parts.flags, parts);
  const announced = parts.announced === undefined ? {} : { announced: parts.announced };
  return show(cli, toMessages(client.builds.run({ ...call, ...announced, signal: cli.signal })), parts);
}

/** Our engine's events as messages of the classic build carry them. */
async function* toMessages(events: AsyncIterable<BuildProgress>): AsyncGenerator<JsonMessage> {
  for await (const event of events) {
    if (event.type === "finish" && event.status !== "succeeded") yield { error: event.error ?? event.status };
    else yield { aux: { "berth.progress": event } };
  }
}

/** By any engine. */
async function buildClassic(cli: Cli, parts: Parts): Promise<Built> {
  const { mode, context, flags, tags, auth } = parts;
  const only = (["secret", "ssh", "build-context", "cache-to", "allow", "annotation"] as const).find((name) => flags[name].length > 0);
  if (only) throw new Error(`--${only} needs Berth's own engine`);
  if (flags.platform.join(",").includes(",")) throw new Error("A build for several platforms needs Berth's own engine");
  if (Object.keys(attestations(flags)).length > 0) throw new Error("Attestations need Berth's own engine");
  const client = await cli.client();
  const tar = context.tar ? countBytes(cli, context.tar, mode) : undefined;
  const options: BuildOptions = {
    ...(tar ? { context: tar } : {}),
    remote: context.remote,
    dockerfile: context.dockerfile,
    tags,
    target: flags.target || undefined,
    buildArgs: buildArgs(flags["build-arg"], cli.env),
    labels: pairs(flags.label),
    noCache: flags["no-cache"],
    pull: flags.pull,
    quiet: mode === "quiet",
    platform: flags.platform[0],
    networkMode: flags.network === "default" ? undefined : flags.network,
    extraHosts: flags["add-host"],
    shmSizeBytes: flags["shm-size"],
    cacheFrom: cacheFields(cli, flags["cache-from"]).flatMap(({ type, ref }) => (type === "registry" && ref ? [ref] : [])),
    contextName: context.directory,
    auth,
    exactProgress: mode === "plain" || mode === "tty" || mode === "rawjson",
    signal: cli.signal,
  };
  return mode === "classic" || mode === "quiet"
    ? showClassic(cli, client.builds.build(options), mode)
    : show(cli, client.builds.build(options), parts);
}

function progressMode(cli: Cli, flags: { progress: string; quiet: boolean }): Mode {
  if (flags.quiet && !["auto", "none", "quiet"].includes(flags.progress))
    throw new Error(`progress=${flags.progress} and quiet cannot be used together`);
  if (flags.quiet) return "quiet";
  const asked = flags.progress === "auto" ? (cli.env["BUILDKIT_PROGRESS"] ?? "auto") : flags.progress;
  if (asked === "plain" || asked === "tty" || asked === "quiet" || asked === "rawjson" || asked === "classic") return asked;
  if (asked === "none") return "quiet";
  if (asked !== "auto") throw new Error(`invalid progress mode ${asked}`);
  // Who switches BuildKit off wants the output of the builder before it.
  if (cli.env["DOCKER_BUILDKIT"] === "0") return "classic";
  return cli.stderr.isTTY ? "tty" : "plain";
}

function checkTag(tag: string): void {
  const parsed = parseReference(tag);
  if ("problem" in parsed) throw new Error(parsed.problem);
}

/** The classic output tells how much was sent. */
function countBytes(cli: Cli, tar: Readable, mode: Mode): Readable {
  if (mode !== "classic") return tar;
  let sent = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      cli.out(`Sending build context to Docker daemon ${progressBar({ current: sent }, 0)}\r\r\n`);
      done();
    },
  });
  tar.once("error", (error) => counter.destroy(error));
  return tar.pipe(counter);
}

type ShowOptions = Pick<Parts, "mode" | "tags" | "silent">;

async function show(cli: Cli, messages: AsyncIterable<JsonMessage>, options: ShowOptions): Promise<Built> {
  const reader = new BuildReader(cli.now);
  const screen = await openScreen(cli, options.mode);
  try {
    for await (const message of messages) for (const event of reader.read(message)) screen.show(event);
    for (const event of reader.end()) screen.show(event);
  } catch (error) {
    for (const event of reader.end(error instanceof Error ? error.message : String(error))) screen.show(event);
    screen.close();
    if (!(error instanceof StreamError)) throw error;
    const { explainFailure } = await import("../build-failure.ts");
    throw new ExitError(1, `${await explainFailure(cli, reader.buildId, error.message)}`);
  }
  screen.close();
  if (options.mode === "quiet" && !options.silent) cli.print(reader.imageId);
  else if (options.mode !== "rawjson") tellImage(cli, reader.imageId, options);
  return { build: reader.buildId, id: reader.imageId, digest: reader.digest || reader.imageId };
}

async function openScreen(cli: Cli, mode: Mode): Promise<BuildScreen> {
  if (mode === "plain") return new PlainScreen(cli.stderr, cli.now);
  if (mode === "rawjson") return new (await import("../build-rawjson.ts")).RawJsonScreen(cli.stderr, cli.now);
  // Quiet output is kept back and shown when the build fails.
  if (mode === "quiet") return new QuietScreen(cli);
  const { TerminalScreen } = await import("../build-terminal.ts");
  return new TerminalScreen(cli.stderr, cli.now);
}

/** Shows nothing, unless the build fails. */
class QuietScreen implements BuildScreen {
  readonly #cli: Cli;
  readonly #events: BuildEvent[] = [];
  #failed = false;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  show(event: BuildEvent): void {
    this.#failed ||= event.type === "end" && event.error !== undefined;
    if (this.#events.length < 10_000) this.#events.push(event);
  }

  close(): void {
    if (!this.#failed) return;
    const screen = new PlainScreen(this.#cli.stderr, this.#cli.now);
    for (const event of this.#events) screen.show(event);
    screen.close();
  }
}

function tellImage(cli: Cli, id: string, { tags }: ShowOptions): void {
  if (id) cli.complain(`\nBuilt ${id}`);
  for (const tag of tags) {
    const parsed = parseReference(tag);
    if ("reference" in parsed) cli.complain(`Named ${familiarReference(withDefaultTag(parsed.reference))}`);
  }
}

/** The engine's own lines, as they come; quiet ones are shown only when the build fails. */
async function showClassic(cli: Cli, messages: AsyncIterable<JsonMessage>, mode: Mode): Promise<Built> {
  let id = "";
  let said = "";
  try {
    for await (const message of messages) {
      throwFailure(message);
      if (typeof message.aux?.["ID"] === "string") id = message.aux["ID"];
      const line = message.stream ?? (message.status ? `${message.id ? `${message.id}: ` : ""}${message.status}\n` : "");
      if (mode === "classic") cli.out(line);
      else said += line;
    }
  } catch (error) {
    if (mode === "quiet") cli.stderr.write(said);
    throw error instanceof StreamError ? new ExitError(error.code ?? 1, error.message) : error;
  }
  if (mode === "quiet") {
    id ||= said.trim();
    cli.print(id);
  }
  return { build: "", id, digest: id };
}
