import type { DockerClient } from "../../client/client.ts";
import { isStatus } from "../../client/errors.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli, Command } from "../cli.ts";
import { describeError } from "../errors.ts";
import { INSPECT_FORMAT_HELP } from "../format.ts";
import { formatInspected } from "../inspect-format.ts";
import { bool, text } from "../flags.ts";
import { indentJson } from "../json-text.ts";
import { compileTemplate } from "../template/execute.ts";
import { goJson } from "../template/functions.ts";

/** Gives an object's JSON as the engine wrote it. */
type Lookup = (name: string) => Promise<string>;

export const inspect = command({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  arity: [1, Infinity],
  flags: {
    format: text(INSPECT_FORMAT_HELP, { short: "f" }),
    size: bool("Display total file sizes if the type is container", { short: "s" }),
    type: text("Only inspect objects of the given type"),
  },
  async run(cli, { args, flags, given }) {
    const lookups = typedLookups(await cli.client(), cli, flags.size);
    if (given.has("type") && !Object.hasOwn(lookups, flags.type))
      throw new Error(
        flags.type === ""
          ? 'type is empty: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"'
          : `unknown type: ${JSON.stringify(flags.type)}: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"`,
      );
    const tried = flags.type ? [lookups[flags.type]!] : Object.values(lookups);
    return showObjects(cli, args, { format: flags.format, lookup: (name) => firstOf(tried, name, flags.type) });
  },
});

function typedLookups({ containers, images, networks, volumes }: DockerClient, { signal }: Cli, size: boolean): Record<string, Lookup> {
  return {
    container: (name) => containers.inspectText(name, { size, signal }),
    image: (name) => images.inspectText(name, { signal }),
    network: (name) => networks.inspectText(name, { signal }),
    volume: (name) => volumes.inspectText(name, { signal }),
  };
}

async function firstOf(lookups: readonly Lookup[], name: string, type: string): Promise<string> {
  let last: unknown;
  for (const lookup of lookups) {
    try {
      return await lookup(name);
    } catch (error) {
      // Docker's engine calls some names unreadable where another kind of object may well have them.
      if (!isStatus(error, 404) && !isStatus(error, 400)) throw error;
      last = error;
    }
  }
  if (type && last) throw last;
  throw new Error(`Error: No such object: ${name}`);
}

/** @throws {ExitError} in docker's words */
function checkFormat(format: string): void {
  try {
    compileTemplate(format);
  } catch (error) {
    throw new ExitError(64, `template parsing error: ${(error as Error).message}`);
  }
}

interface ShowOptions {
  readonly format: string;
  readonly lookup: Lookup;
}

/** Prints each object; those that are not found are told at the end. */
async function showObjects(cli: Cli, names: readonly string[], { format, lookup }: ShowOptions): Promise<number> {
  const texts: string[] = [];
  const problems: string[] = [];
  let output = "";
  if (format !== "" && format !== "json") checkFormat(format);
  for (const name of names) {
    try {
      if (name === "") throw new Error("invalid container name or ID: value is empty");
      const text = await lookup(name);
      texts.push(text);
      if (format && format !== "json") output += `${formatInspected(format, text)}\n`;
    } catch (error) {
      if (cli.signal.aborted) throw error;
      problems.push(describeError(error));
    }
  }
  if (format === "json") cli.print(`[${texts.map((text) => goJson(JSON.parse(text))).join(",")}]`);
  else if (format) cli.out(output || "\n");
  else cli.print(indentJson(`[${texts.map((text) => text.trim()).join(",")}]`));
  for (const problem of problems) cli.complain(problem);
  return problems.length > 0 ? 1 : 0;
}

/** `berth NOUN inspect`. */
function nounInspect(
  usage: string,
  extra: Command["flags"],
  lookup: (client: DockerClient, cli: Cli, flags: Record<string, unknown>) => Lookup,
): Command {
  return command({
    usage,
    arity: [1, Infinity],
    flags: { format: text(INSPECT_FORMAT_HELP, { short: "f" }), ...extra },
    async run(cli, { args, flags }) {
      return showObjects(cli, args, { format: String(flags.format), lookup: lookup(await cli.client(), cli, flags) });
    },
  });
}

export const containerInspect = nounInspect(
  "[OPTIONS] CONTAINER [CONTAINER...]",
  { size: bool("Display total file sizes", { short: "s" }) },
  (client, { signal }, flags) =>
    (name) =>
      client.containers.inspectText(name, { size: flags["size"] === true, signal }),
);

export const imageInspect = nounInspect(
  "[OPTIONS] IMAGE [IMAGE...]",
  {
    platform: text(
      "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
  },
  (client, { signal }, flags) =>
    (name) =>
      client.images.inspectText(name, { platform: (flags["platform"] as string) || undefined, signal }),
);

export const networkInspect = nounInspect(
  "[OPTIONS] NETWORK [NETWORK...]",
  { verbose: bool("Verbose output for diagnostics", { short: "v" }) },
  (client, { signal }, flags) =>
    (name) =>
      client.networks.inspectText(name, { verbose: flags["verbose"] === true, signal }),
);

export const volumeInspect = nounInspect(
  "[OPTIONS] VOLUME [VOLUME...]",
  {},
  (client, { signal }) =>
    (name) =>
      client.volumes.inspectText(name, { signal }),
);
