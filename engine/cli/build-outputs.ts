/** `--output`, `--load` and `--push`: where a build's result goes, as buildx reads them. */
import { statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { unpack } from "../client/tar/unpack.ts";
import { familiarName, parseReference, withDefaultTag } from "../syntax/reference.ts";
import type { Cli } from "./cli.ts";
import { credentialsFor } from "./credentials.ts";
import { saveStream } from "./files.ts";
import { throwFailure } from "./progress.ts";
import { csvFields } from "./run-config/text.ts";

export type OutputType = "image" | "docker" | "oci" | "local" | "tar" | "registry" | "cacheonly";

export interface BuildOutput {
  readonly type: OutputType;
  /** A path, `-` for stdout, or undefined for the engine's images. */
  readonly dest?: string;
  readonly names: readonly string[];
  readonly push: boolean;
}

const TYPES: readonly string[] = ["image", "docker", "oci", "local", "tar", "registry", "cacheonly"] satisfies OutputType[];

/** @throws {Error} with buildx's sentences */
export function readOutputs(flags: { output: readonly string[]; load: boolean; push: boolean }): BuildOutput[] {
  const outputs = flags.output.map(readOutput);
  if (flags.load && !outputs.some(({ type }) => type === "docker")) outputs.push({ type: "docker", names: [], push: false });
  if (flags.push && !outputs.some(({ push }) => push)) outputs.push({ type: "registry", names: [], push: true });
  return outputs;
}

function readOutput(text: string): BuildOutput {
  if (!text.includes("=")) return { type: text === "-" ? "tar" : "local", dest: text, names: [], push: false };
  const fields = new Map(
    csvFields(text).map((field) => {
      const at = field.indexOf("=");
      if (at < 0) throw new Error(`invalid value ${field}`);
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    }),
  );
  const type = fields.get("type");
  if (!type) throw new Error("type is required for output");
  if (!TYPES.includes(type)) throw new Error(`exporter ${JSON.stringify(type)} could not be found`);
  const dest = fields.get("dest") ?? (type === "oci" || type === "tar" ? "-" : undefined);
  checkForm(type, fields);
  if (type === "local" && dest === undefined) throw new Error("dest is required for local exporter");
  const push = type === "registry" || fields.get("push") === "true";
  const names = (fields.get("name") ?? "").split(",").filter((name) => name !== "");
  return { type: type as OutputType, ...(dest !== undefined && { dest }), names, push };
}

/** What would be made otherwise than asked. @throws {Error} */
function checkForm(type: string, fields: ReadonlyMap<string, string>): void {
  if ((type === "oci" || type === "docker") && fields.get("tar") === "false")
    throw new Error(`the exporter ${type} writes an archive: leave out tar=false`);
  const compression = fields.get("compression") ?? "gzip";
  if (type !== "local" && type !== "tar" && compression !== "gzip" && compression !== "uncompressed")
    throw new Error(`compression type ${JSON.stringify(compression)} is not supported: gzip or uncompressed`);
}

/** Says what is wrong with the outputs before anything is built. @throws {Error} */
export function checkOutputs(cli: Cli, outputs: readonly BuildOutput[], tags: readonly string[]): void {
  for (const { type, dest, push, names } of outputs) {
    if (dest === "-" && cli.stdout.isTTY) throw new Error("dest file is required for tar exporter. refusing to write to console");
    if (dest === "-" && type === "local") throw new Error("dest cannot be stdout for local exporter");
    if (dest !== undefined && dest !== "-" && type !== "local" && isDirectory(resolve(cli.cwd, dest)))
      throw new Error(`destination file ${dest} is a directory`);
    if (push && tags.length + names.length === 0) throw new Error("tag is needed when pushing to registry");
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** @throws {Error} for files of several images at once */
export function checkPlatforms(outputs: readonly BuildOutput[], platforms: readonly string[]): void {
  const files = outputs.find(({ type }) => type === "local" || type === "tar");
  if (files && platforms.join(",").includes(","))
    throw new Error(`The output type=${files.type} takes one platform: write several as type=oci, or one after the other`);
}

/** @throws {Error} when there is no image to which it could be attached */
export function checkAttestations(outputs: readonly BuildOutput[], asked: Readonly<Record<string, string>>): void {
  const files = outputs.find(({ type }) => type === "local" || type === "tar");
  if (files && Object.keys(asked).length > 0)
    throw new Error(`The output type=${files.type} has no attestations: leave out --provenance and --attest, or use type=oci`);
}

/** Sends what was built where it belongs. */
export async function sendOutputs(
  cli: Cli,
  outputs: readonly BuildOutput[],
  { image, tags }: { image: string; tags: readonly string[] },
): Promise<void> {
  for (const output of outputs) {
    if (output.push) await push(cli, [...tags, ...output.names]);
    if (output.dest === undefined) continue;
    const dest = resolve(cli.cwd, output.dest);
    try {
      if (output.type === "local") await writeDirectory(cli, image, dest);
      else await writeArchive(cli, output, { image, tags });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      throw new Error(`Cannot write ${JSON.stringify(dest)}: no space left on device`, { cause: error });
    }
  }
}

async function push(cli: Cli, names: readonly string[]): Promise<void> {
  const client = await cli.client();
  for (const name of names) {
    const parsed = parseReference(name);
    if ("problem" in parsed) throw new Error(parsed.problem);
    const { reference } = parsed;
    const auth = await credentialsFor(cli, reference.domain);
    const options = { tag: withDefaultTag(reference).tag, auth, signal: cli.signal };
    for await (const message of client.images.push(familiarName(reference), options)) throwFailure(message);
    cli.complain(`Pushed ${name}`);
  }
}

async function writeDirectory(cli: Cli, image: string, dest: string): Promise<void> {
  const made = await mkdir(dest, { recursive: true });
  try {
    const tar = await (await cli.client()).builds.rootfs(image, { signal: cli.signal });
    await unpack(tar, { root: dest, rename: (name) => name, keepOwner: false });
  } catch (error) {
    // What was there before is somebody's; what was made for this is of no use half.
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw error;
  }
}

async function writeArchive(
  cli: Cli,
  { type, dest, names }: BuildOutput,
  { image, tags }: { image: string; tags: readonly string[] },
): Promise<void> {
  const client = await cli.client();
  const all = [...tags, ...names];
  const tar =
    type === "tar"
      ? await client.builds.rootfs(image, { signal: cli.signal })
      : await client.images.save(all.length > 0 ? all : [image], { signal: cli.signal });
  if (dest === "-") return cli.copy(tar);
  await saveStream(tar, resolve(cli.cwd, dest!));
}
