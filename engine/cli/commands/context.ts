/** Docker's contexts, the same files as docker's own command. `default` is Berth's own engine. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { exportContext, importContext } from "../../client/context-archive.ts";
import { checkContextName, Contexts } from "../../client/contexts.ts";
import type { ContextTls, DockerContext } from "../../client/contexts.ts";
import { enginePaths } from "../../host/paths.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import { bool, text } from "../flags.ts";
import { FORMAT_HELP, formatRows } from "../format.ts";
import { settingsDirectory } from "../settings.ts";

const HEADERS = { Name: "NAME", Description: "DESCRIPTION", DockerEndpoint: "DOCKER ENDPOINT", Error: "ERROR", Current: "CURRENT" };
const PEMS = ["ca", "cert", "key"] as const;

const contextsOf = (cli: Cli): Contexts => new Contexts(settingsDirectory(cli));

async function currentName(cli: Cli): Promise<string> {
  const target = await findTarget(cli);
  return target.own ? "default" : target.context;
}

async function defaultUrl(cli: Cli): Promise<string> {
  const target = await findTarget(cli).catch(() => undefined);
  if (target && !target.own && target.context === "default") return target.url;
  return `unix://${enginePaths(target?.own ? target.root : undefined, cli.env).socket}`;
}

export const contextShow = command({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    cli.print(await currentName(cli));
  },
});

export const contextLs = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: text(FORMAT_HELP), quiet: bool("Only show context names", { short: "q" }) },
  async run(cli, { flags }) {
    const current = await currentName(cli);
    const own = { name: "default", description: "Berth's own engine, or DOCKER_HOST", host: await defaultUrl(cli) };
    const rows = [own, ...(await contextsOf(cli).list())].map(({ name, description, host }) => ({
      Name: name,
      Description: description,
      DockerEndpoint: host,
      Error: "",
      Current: name === current,
    }));
    const table = flags.quiet ? "{{.Name}}" : "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}";
    const headers = { ...HEADERS, Current: "" };
    cli.out(formatRows(rows, { format: flags.format, table, headers, type: "*formatter.clientContextContext" }));
  },
});

/** `host=tcp://h:2376,ca=ca.pem,cert=cert.pem,key=key.pem,skip-tls-verify=true`, or `from=NAME`. */
async function readEndpoint(cli: Cli, words: string): Promise<{ host: string; skipTlsVerify: boolean; tls: ContextTls }> {
  const values = new Map<string, string>();
  for (const word of words.split(",").filter(Boolean)) {
    const cut = word.indexOf("=");
    if (cut < 0) throw new Error(`invalid argument "${words}" for "--docker" flag: ${word} must be formatted as key=value`);
    const key = word.slice(0, cut).toLowerCase();
    if (!["host", "from", "skip-tls-verify", ...PEMS].includes(key)) throw new Error(`unrecognized config key: ${key}`);
    values.set(key, word.slice(cut + 1));
  }
  const from = values.get("from");
  if (from !== undefined) {
    if (from === "default") return { host: await defaultUrl(cli), skipTlsVerify: false, tls: {} };
    const { host, skipTlsVerify } = await contextsOf(cli).get(from);
    return { host, skipTlsVerify, tls: await contextsOf(cli).tls(from) };
  }
  const host = values.get("host") ?? "";
  if (host !== "" && !/^(unix|tcp|ssh|http|https):\/\//.test(host)) throw new Error(`unable to parse docker host \`${host}\``);
  const pems = await Promise.all(
    PEMS.map(async (pem) => [pem, values.has(pem) ? await readFile(values.get(pem)!, "utf8") : undefined] as const),
  );
  const tls = Object.fromEntries(pems.filter(([, content]) => content !== undefined)) as ContextTls;
  return { host, skipTlsVerify: values.get("skip-tls-verify") === "true", tls };
}

const ENDPOINT_FLAGS = {
  description: text("Description of the context"),
  docker: text("set the docker endpoint"),
};

export const contextCreate = command({
  usage: "[OPTIONS] CONTEXT",
  arity: [1, 1],
  flags: { ...ENDPOINT_FLAGS, from: text("create context from a named context") },
  async run(cli, { args: [name = ""], flags }) {
    checkContextName(name);
    const contexts = contextsOf(cli);
    if (await contexts.has(name)) throw new ExitError(1, `context "${name}" already exists`);
    const { tls, ...endpoint } = await readEndpoint(cli, flags.docker || `from=${flags.from || (await currentName(cli))}`);
    const description = flags.description || (flags.from && flags.from !== "default" ? (await contexts.get(flags.from)).description : "");
    await contexts.write({ name, description, ...endpoint }, tls);
    cli.print(name);
    cli.complain(`Successfully created context "${name}"`);
  },
});

export const contextUpdate = command({
  usage: "[OPTIONS] CONTEXT",
  arity: [1, 1],
  flags: ENDPOINT_FLAGS,
  async run(cli, { args: [name = ""], flags, given }) {
    const contexts = contextsOf(cli);
    const before = await contexts.get(name);
    const { tls, ...endpoint } = flags.docker
      ? await readEndpoint(cli, flags.docker)
      : { host: before.host, skipTlsVerify: before.skipTlsVerify, tls: await contexts.tls(name) };
    await contexts.write({ name, description: given.has("description") ? flags.description : before.description, ...endpoint }, tls);
    cli.print(name);
    cli.complain(`Successfully updated context "${name}"`);
  },
});

export const contextUse = command({
  usage: "CONTEXT",
  arity: [1, 1],
  flags: {},
  async run(cli, { args: [name = ""] }) {
    await contextsOf(cli).use(name);
    cli.print(name);
    cli.complain(`Current context is now "${name}"`);
    for (const variable of ["DOCKER_HOST", "DOCKER_CONTEXT", "BERTH_ROOT"])
      if (cli.env[variable] && name !== "default")
        cli.complain(
          `Warning: ${variable} environment variable overrides the active context. To use "${name}", either set the global --context flag, or unset ${variable} environment variable.`,
        );
  },
});

export const contextRm = command({
  usage: "CONTEXT [CONTEXT...]",
  arity: [1, Infinity],
  flags: { force: bool("Force the removal of a context in use", { short: "f" }) },
  async run(cli, { args, flags }) {
    const contexts = contextsOf(cli);
    const current = await currentName(cli);
    const failures: string[] = [];
    for (const name of args) {
      const found = name === "default" ? undefined : await contexts.get(name).catch((error: Error) => error.message);
      if (name === "default") failures.push('default: context "default" cannot be removed');
      else if (typeof found === "string" && !flags.force) failures.push(found);
      else if (name === current && !flags.force) failures.push(`context "${name}" is in use, set -f flag to force remove`);
      else {
        if (typeof found !== "string") await contexts.remove(name);
        cli.print(name);
      }
    }
    if (failures.length > 0) throw new ExitError(1, failures.join("\n"));
  },
});

/** As docker shows it. */
async function describe(contexts: Contexts, { name, description, host, skipTlsVerify }: DockerContext): Promise<Record<string, unknown>> {
  const tls = Object.keys(name === "default" ? {} : await contexts.tls(name)).map((pem) => `${pem}.pem`);
  return {
    Name: name,
    Metadata: description ? { Description: description } : {},
    Endpoints: { docker: { Host: host, SkipTLSVerify: skipTlsVerify } },
    TLSMaterial: tls.length > 0 ? { docker: tls } : {},
    Storage: contexts.storage(name),
  };
}

export const contextInspect = command({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  arity: [0, Infinity],
  flags: { format: text(FORMAT_HELP, { short: "f" }) },
  async run(cli, { args, flags }) {
    const contexts = contextsOf(cli);
    const names = args.length > 0 ? args : [await currentName(cli)];
    const own = async (): Promise<DockerContext> => ({
      name: "default",
      description: "",
      host: await defaultUrl(cli),
      skipTlsVerify: false,
    });
    const found = await Promise.all(
      names.map(async (name) => describe(contexts, name === "default" ? await own() : await contexts.get(name))),
    );
    if (flags.format) cli.out(formatRows(found, { format: flags.format, table: "", headers: {} }));
    else cli.print(JSON.stringify(found, null, 4));
  },
});

export const contextExport = command({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  arity: [1, 2],
  flags: {},
  async run(cli, { args: [name = "", file = `${name}.dockercontext`] }) {
    const tar = await exportContext(contextsOf(cli), name);
    if (file === "-") {
      cli.stdout.write(tar);
      return;
    }
    if (
      await stat(file).then(
        () => true,
        () => false,
      )
    )
      throw new ExitError(1, `open ${file}: file exists`);
    await writeFile(file, tar, { mode: 0o600 });
    cli.complain(`Written file "${file}"`);
  },
});

export const contextImport = command({
  usage: "CONTEXT FILE|-",
  arity: [2, 2],
  flags: {},
  async run(cli, { args: [name = "", file = ""] }) {
    const source = file === "-" ? cli.stdin : Readable.from([await readFile(file)]);
    await importContext(contextsOf(cli), name, source);
    cli.print(name);
    cli.complain(`Successfully imported context "${name}"`);
  },
});
