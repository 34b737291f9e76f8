import { writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import type { JsonMessage } from "../../api/types/image.ts";
import type { BuildOptions } from "../../client/build.ts";
import { buildArgs } from "../build-args.ts";
import { openContext } from "../build-context.ts";
import type { BuildContext } from "../build-context.ts";
import { BuildReader } from "../build-events.ts";
import { PlainScreen } from "../build-plain.ts";
import type { BuildScreen } from "../build-plain.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { allCredentials } from "../credentials.ts";
import { bool, bytes, list, text } from "../flags.ts";
import { StreamError, progressBar, throwFailure } from "../progress.ts";
import { pairs } from "../run-config/text.ts";
import { parseReference, withDefaultTag, familiarReference } from "../../syntax/reference.ts";

export const build = command({
  usage: "[OPTIONS] PATH | URL | -",
  arity: [1, 1],
  flags: {
    "add-host": list('Add a custom host-to-IP mapping ("host:ip")'),
    "build-arg": list("Set build-time variables"),
    "cache-from": list("Images to consider as cache sources"),
    file: text('Name of the Dockerfile (Default is "PATH/Dockerfile")', { short: "f" }),
    "force-rm": bool("Always remove intermediate containers", { hidden: true }),
    iidfile: text("Write the image ID to the file"),
    label: list("Set metadata for an image"),
    load: bool("Keep the result among the images (always on)", { hidden: true }),
    network: text("Set the networking mode for the RUN instructions during build", { initial: "default" }),
    "no-cache": bool("Do not use cache when building the image"),
    platform: text("Set platform if server is multi-platform capable"),
    progress: text('Set type of progress output ("auto", "plain", "tty", "quiet", "classic")', { initial: "auto" }),
    pull: bool("Always attempt to pull a newer version of the image"),
    quiet: bool("Suppress the build output and print image ID on success", { short: "q" }),
    rm: bool("Remove intermediate containers after a successful build", { initial: true, hidden: true }),
    "shm-size": bytes('Size of "/dev/shm"'),
    tag: list('Name and optionally a tag in the "name:tag" format', { short: "t", check: checkTag }),
    target: text("Set the target build stage to build."),
  },
  async run(cli, { args: [path = ""], flags }) {
    const mode = progressMode(cli, flags);
    const context = await openContext(cli, path, flags.file);
    const client = await cli.client();
    const auth = await allCredentials(cli);
    const tar = context.tar ? countBytes(cli, context.tar, mode) : undefined;
    const options: BuildOptions = {
      ...(tar ? { context: tar } : {}),
      remote: context.remote,
      dockerfile: context.dockerfile,
      tags: flags.tag,
      target: flags.target || undefined,
      buildArgs: buildArgs(flags["build-arg"], cli.env),
      labels: pairs(flags.label),
      noCache: flags["no-cache"],
      pull: flags.pull,
      quiet: mode === "quiet",
      platform: flags.platform || undefined,
      networkMode: flags.network === "default" ? undefined : flags.network,
      extraHosts: flags["add-host"],
      shmSizeBytes: flags["shm-size"],
      cacheFrom: flags["cache-from"],
      auth,
      exactProgress: mode === "plain" || mode === "tty",
      signal: cli.signal,
    };
    const id = await show(cli, client.builds.build(options), { mode, context, tags: flags.tag });
    if (flags.iidfile) await writeFile(flags.iidfile, id);
  },
});

type Mode = "plain" | "tty" | "quiet" | "classic";

function progressMode(cli: Cli, flags: { progress: string; quiet: boolean }): Mode {
  if (flags.quiet) return "quiet";
  const asked = flags.progress === "auto" ? (cli.env["BUILDKIT_PROGRESS"] ?? "auto") : flags.progress;
  if (asked === "plain" || asked === "tty" || asked === "quiet" || asked === "classic") return asked;
  if (asked !== "auto") throw new Error(`invalid progress mode ${asked}`);
  // Who switches BuildKit off wants the output of the builder before it.
  if (cli.env["DOCKER_BUILDKIT"] === "0") return "classic";
  return cli.stderr.isTTY ? "tty" : "plain";
}

function checkTag(tag: string): void {
  const parsed = parseReference(tag);
  if ("problem" in parsed) throw new Error(`invalid argument ${JSON.stringify(tag)} for "-t, --tag" flag: ${parsed.problem}`);
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

interface ShowOptions {
  readonly mode: Mode;
  readonly context: BuildContext;
  readonly tags: readonly string[];
}

/** @returns the image's id */
async function show(cli: Cli, messages: AsyncIterable<JsonMessage>, options: ShowOptions): Promise<string> {
  if (options.mode === "classic" || options.mode === "quiet") return showClassic(cli, messages, options.mode);
  const reader = new BuildReader(cli.now);
  const screen = await openScreen(cli, options.mode);
  try {
    for await (const message of messages) for (const event of reader.read(message)) screen.show(event);
    for (const event of reader.end()) screen.show(event);
  } catch (error) {
    for (const event of reader.end(error instanceof Error ? error.message : String(error))) screen.show(event);
    screen.close();
    throw error instanceof StreamError ? new ExitError(1, failureText(error)) : error;
  }
  screen.close();
  tellImage(cli, reader.imageId, options);
  return reader.imageId;
}

async function openScreen(cli: Cli, mode: Mode): Promise<BuildScreen> {
  if (mode === "plain") return new PlainScreen(cli.stderr, cli.now);
  const { TerminalScreen } = await import("../build-terminal.ts");
  return new TerminalScreen(cli.stderr, cli.now);
}

function failureText(error: StreamError): string {
  return `------\nERROR: failed to build: ${error.message}`;
}

function tellImage(cli: Cli, id: string, { tags }: ShowOptions): void {
  if (id) cli.complain(`\nBuilt ${id}`);
  for (const tag of tags) {
    const parsed = parseReference(tag);
    if ("reference" in parsed) cli.complain(`Named ${familiarReference(withDefaultTag(parsed.reference))}`);
  }
}

/** The engine's own lines, as they come; quiet ones are shown only when the build fails. */
async function showClassic(cli: Cli, messages: AsyncIterable<JsonMessage>, mode: Mode): Promise<string> {
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
  return id;
}
