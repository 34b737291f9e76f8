/**
 * Docker's contexts: named endpoints in `~/.docker` (or `$DOCKER_CONFIG`), shared with docker's own command. Which one is used is not:
 * who has Docker Desktop chose its context for docker, and `berth` would never reach its own engine.
 *
 *     berth.json                           currentContext, of berth alone
 *     config.json                          currentContext, of docker
 *     contexts/meta/<sha256 of name>/meta.json     name, description, address
 *     contexts/tls/<sha256 of name>/docker/{ca,cert,key}.pem
 *
 * @see https://github.com/docker/cli/tree/v28.2.2/cli/context/store
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TlsFiles } from "./endpoint.ts";

/** PEM texts, as they lie on disk. */
export interface ContextTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface DockerContext {
  readonly name: string;
  readonly description: string;
  /** `unix://…`, `tcp://…`, `ssh://…` */
  readonly host: string;
  /** Accept any server certificate. */
  readonly skipTlsVerify: boolean;
}

interface Meta {
  Name?: string;
  Metadata?: { Description?: string } & Record<string, unknown>;
  Endpoints?: Record<string, { Host?: string; SkipTLSVerify?: boolean }>;
}

/** Where Berth's choice is kept, and where docker's. */
const [OURS, DOCKERS] = ["berth.json", "config.json"];
const PEMS = ["ca", "cert", "key"] as const;
const idOf = (name: string): string => createHash("sha256").update(name).digest("hex");

/** The contexts of one settings directory. Nothing is kept in memory: others write there too. */
export class Contexts {
  readonly #directory: string;

  /** @param directory of config.json */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** By name; what cannot be read is left out, as docker does. `default` is not among them: it is no file. */
  async list(): Promise<DockerContext[]> {
    const ids = await readdir(join(this.#directory, "contexts/meta")).catch(() => []);
    const all = await Promise.all(ids.map((id) => this.#read(id).catch(() => undefined)));
    return all.filter((context) => context !== undefined).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws {Error} in docker's words when there is none of that name */
  async get(name: string): Promise<DockerContext> {
    const file = this.#meta(idOf(name));
    try {
      return await this.#read(idOf(name));
    } catch (error) {
      throw new Error(`context "${name}": context not found: open ${file}: no such file or directory`, { cause: error });
    }
  }

  /** Its own file, as docker's archive of a context carries it. @throws {Error} when there is none of that name */
  async metaText(name: string): Promise<string> {
    await this.get(name);
    return readFile(this.#meta(idOf(name)), "utf8");
  }

  /** Where it lies, as docker's inspect says. */
  storage(name: string): { MetadataPath: string; TLSPath: string } {
    if (name === "default") return { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" };
    const id = idOf(name);
    return { MetadataPath: join(this.#directory, "contexts/meta", id), TLSPath: join(this.#directory, "contexts/tls", id) };
  }

  async has(name: string): Promise<boolean> {
    return this.get(name).then(
      () => true,
      () => false,
    );
  }

  /** Certificates of a context; empty when it has none. */
  async tls(name: string): Promise<ContextTls> {
    const read = (pem: string): Promise<string | undefined> => readFile(join(this.#tls(name), `${pem}.pem`), "utf8").catch(() => undefined);
    const found = await Promise.all(PEMS.map(async (pem) => [pem, await read(pem)] as const));
    return Object.fromEntries(found.filter(([, text]) => text !== undefined)) as ContextTls;
  }

  /** Writes a context, in place of one of the same name. @throws {Error} for a name that docker would not take */
  async write(context: DockerContext, tls: ContextTls = {}): Promise<void> {
    checkContextName(context.name);
    const meta: Meta = {
      Name: context.name,
      Metadata: context.description ? { Description: context.description } : {},
      Endpoints: { docker: { Host: context.host, SkipTLSVerify: context.skipTlsVerify } },
    };
    await this.#removeTls(context.name);
    for (const pem of PEMS) if (tls[pem]) await writeWhole(join(this.#tls(context.name), `${pem}.pem`), tls[pem]);
    await writeWhole(this.#meta(idOf(context.name)), JSON.stringify(meta));
  }

  /** @throws {Error} when there is none of that name */
  async remove(name: string): Promise<void> {
    await this.get(name);
    await rm(join(this.#directory, "contexts/meta", idOf(name)), { recursive: true, force: true });
    await this.#removeTls(name);
    // Docker would fail at each command if it went on using what is gone.
    for (const file of [OURS, DOCKERS]) if ((await this.#chosen(file)) === name) await this.#choose(file, "default");
  }

  /** The one that `berth context use` chose; `default`, which is Berth's own engine, when none was. What docker chose does not count. */
  current(): Promise<string> {
    return this.#chosen(OURS);
  }

  /** Chooses a context for this user's `berth`; docker's choice stays. @throws {Error} when there is none of that name */
  async use(name: string): Promise<void> {
    if (name !== "default") await this.get(name);
    await this.#choose(OURS, name);
  }

  async #chosen(file: string): Promise<string> {
    const chosen = this.#settings(file)["currentContext"];
    return typeof chosen === "string" && chosen !== "" ? chosen : "default";
  }

  /** Other settings of the file stay. */
  async #choose(file: string, name: string): Promise<void> {
    const { currentContext: _, ...rest } = this.#settings(file);
    const settings = name === "default" ? rest : { ...rest, currentContext: name };
    await writeWhole(join(this.#directory, file), `${JSON.stringify(settings, null, "\t")}\n`);
  }

  #settings(file: string): Record<string, unknown> {
    const text = readText(join(this.#directory, file));
    return text.trim() === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  async #read(id: string): Promise<DockerContext> {
    const meta = JSON.parse(await readFile(this.#meta(id), "utf8")) as Meta;
    if (!meta.Name) throw new Error(`The context ${id} has no name`);
    const { Host = "", SkipTLSVerify = false } = meta.Endpoints?.["docker"] ?? {};
    return { name: meta.Name, description: meta.Metadata?.Description ?? "", host: Host, skipTlsVerify: SkipTLSVerify };
  }

  async #removeTls(name: string): Promise<void> {
    await rm(join(this.#directory, "contexts/tls", idOf(name)), { recursive: true, force: true });
  }

  #meta(id: string): string {
    return join(this.#directory, "contexts/meta", id, "meta.json");
  }

  #tls(name: string): string {
    return join(this.#directory, "contexts/tls", idOf(name), "docker");
  }
}

/** @throws {Error} in docker's words */
export function checkContextName(name: string): void {
  if (name === "") throw new Error("context name cannot be empty");
  if (name === "default") throw new Error('"default" is a reserved context name');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name))
    throw new Error(`context name "${name}" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`);
}

/** What a connection needs of a context's certificates; undefined for one without TLS. */
export function tlsFor({ skipTlsVerify }: DockerContext, tls: ContextTls): TlsFiles | undefined {
  return Object.keys(tls).length > 0 || skipTlsVerify ? { ...tls, verify: !skipTlsVerify } : undefined;
}

/** Every command asks for this one small file; promises would take longer than reading it. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(4).toString("hex")}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}
