import type { DockerClient } from "../../client/client.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, bytes, filter } from "../flags.ts";
import { confirm } from "../prompt.ts";
import { humanSize } from "../../syntax/size.ts";

type Filters = Readonly<Record<string, readonly string[]>>;

/** What one kind of pruning removed, as it is printed. */
interface Pruned {
  readonly text: string;
  readonly reclaimed: number;
}

const CONTINUE = "Are you sure you want to continue?";

const FORCE = { force: bool("Do not prompt for confirmation", { short: "f" }) };

function section(title: string, lines: readonly string[]): string {
  return lines.length > 0 ? `${title}\n${lines.map((line) => `${line}\n`).join("")}\n` : "";
}

async function pruneContainers({ containers }: DockerClient, filters: Filters, signal: AbortSignal): Promise<Pruned> {
  const { ContainersDeleted, SpaceReclaimed } = await containers.prune(filters, { signal });
  return { text: section("Deleted Containers:", ContainersDeleted ?? []), reclaimed: SpaceReclaimed };
}

async function pruneImages({ images }: DockerClient, filters: Filters, options: { all: boolean; signal: AbortSignal }): Promise<Pruned> {
  const dangling = [options.all ? "false" : "true"];
  const { ImagesDeleted, SpaceReclaimed } = await images.prune({ ...filters, dangling }, { signal: options.signal });
  const lines = (ImagesDeleted ?? []).map(({ Untagged, Deleted }) => (Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted ?? ""}`));
  return { text: section("Deleted Images:", lines), reclaimed: SpaceReclaimed };
}

async function pruneNetworks({ networks }: DockerClient, filters: Filters, signal: AbortSignal): Promise<Pruned> {
  const { NetworksDeleted } = await networks.prune(filters, { signal });
  return { text: section("Deleted Networks:", NetworksDeleted ?? []), reclaimed: 0 };
}

async function pruneVolumes({ volumes }: DockerClient, filters: Filters, signal: AbortSignal): Promise<Pruned> {
  const { VolumesDeleted, SpaceReclaimed } = await volumes.prune(filters, { signal });
  return { text: section("Deleted Volumes:", VolumesDeleted ?? []), reclaimed: SpaceReclaimed };
}

async function pruneBuilds({ builds }: DockerClient, filters: Filters, options: { all: boolean; signal: AbortSignal }): Promise<Pruned> {
  const { CachesDeleted, SpaceReclaimed } = await builds.prune({ all: options.all, filters, signal: options.signal });
  return { text: section("Deleted build cache objects:", CachesDeleted ?? []), reclaimed: SpaceReclaimed };
}

function report(cli: Cli, pruned: readonly Pruned[]): void {
  const total = pruned.reduce((sum, { reclaimed }) => sum + reclaimed, 0);
  cli.out(`${pruned.map(({ text }) => text).join("")}Total reclaimed space: ${humanSize(total)}\n`);
}

export const containerPrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { filter: filter('Provide filter values (e.g. "until=<timestamp>")'), ...FORCE },
  async run(cli, { flags }) {
    if (!flags.force && !(await confirm(cli, `WARNING! This will remove all stopped containers.\n${CONTINUE}`))) return 0;
    report(cli, [await pruneContainers(await cli.client(), flags.filter, cli.signal)]);
    return 0;
  },
});

export const imagePrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("Remove all unused images, not just dangling ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "until=<timestamp>")'),
    ...FORCE,
  },
  async run(cli, { flags: { all, force, filter } }) {
    const what = all ? "all images without at least one container associated to them" : "all dangling images";
    if (!force && !(await confirm(cli, `WARNING! This will remove ${what}.\n${CONTINUE}`))) return 0;
    report(cli, [await pruneImages(await cli.client(), filter, { all, signal: cli.signal })]);
    return 0;
  },
});

export const volumePrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("Remove all unused volumes, not just anonymous ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "label=<label>")'),
    ...FORCE,
  },
  async run(cli, { flags: { all, force, filter } }) {
    const what = all ? "all" : "anonymous";
    const question = `WARNING! This will remove ${what} local volumes not used by at least one container.\n${CONTINUE}`;
    if (!force && !(await confirm(cli, question))) return 0;
    report(cli, [await pruneVolumes(await cli.client(), all ? { ...filter, all: ["true"] } : filter, cli.signal)]);
    return 0;
  },
});

export const networkPrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { filter: filter('Provide filter values (e.g. "until=<timestamp>")'), ...FORCE },
  async run(cli, { flags }) {
    const question = `WARNING! This will remove all custom networks not used by at least one container.\n${CONTINUE}`;
    if (!flags.force && !(await confirm(cli, question))) return 0;
    cli.out((await pruneNetworks(await cli.client(), flags.filter, cli.signal)).text);
    return 0;
  },
});

export const builderPrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("Remove all unused build cache, not just dangling ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "until=24h")'),
    ...FORCE,
    "keep-storage": bytes("Amount of disk space to keep for cache"),
  },
  async run(cli, { flags: { all, force, filter } }) {
    const what = all ? "all build cache" : "all dangling build cache";
    if (!force && !(await confirm(cli, `WARNING! This will remove ${what}.\n${CONTINUE}`))) return 0;
    report(cli, [await pruneBuilds(await cli.client(), filter, { all, signal: cli.signal })]);
    return 0;
  },
});

export const systemPrune = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("Remove all unused images not just dangling ones", { short: "a" }),
    filter: filter('Provide filter values (e.g. "label=<key>=<value>")'),
    ...FORCE,
    volumes: bool("Prune anonymous volumes"),
  },
  async run(cli, { flags: { all, force, filter, volumes } }) {
    if (volumes && filter["until"]) throw new Error('ERROR: The "until" filter is not supported with "--volumes"');
    if (!force && !(await confirm(cli, systemWarning(all, volumes)))) return 0;
    const client = await cli.client();
    const { signal } = cli;
    const pruned = [await pruneContainers(client, filter, signal), await pruneNetworks(client, filter, signal)];
    if (volumes) pruned.push(await pruneVolumes(client, filter, signal));
    pruned.push(await pruneImages(client, filter, { all, signal }), await pruneBuilds(client, filter, { all, signal }));
    report(cli, pruned);
    return 0;
  },
});

function systemWarning(all: boolean, volumes: boolean): string {
  const lines = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  return `WARNING! This will remove:\n${lines.map((line) => `  - ${line}\n`).join("")}\n${CONTINUE}`;
}
