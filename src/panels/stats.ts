/** The Stats panel: what containers use, over the hours that the engine remembers, and now. */
import * as vscode from "vscode";
import { blockBytes, cpuPercent, memoryUsage, networkBytes } from "../../engine/client/stats.ts";
import type { ContainerStats } from "../../engine/client/stats.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { FromStatsPage, StatsSample, StatsState, ToStatsPage } from "../../webviews/protocol.ts";
import type { Context } from "../context.ts";
import { containerName } from "../tree/container.ts";
import { showPage } from "./page.ts";
import type { Channel, Page } from "./page.ts";

type StatsChannel = Channel<ToStatsPage, FromStatsPage>;

const MARKS = /^(start|die|oom|health_status|restart)/;

export const statsPage: Page<StatsState, ToStatsPage, FromStatsPage> = {
  name: "stats",
  icon: "stats",
  title: ({ title }) => vscode.l10n.t("Stats: {0}", title),
  key: ({ ids }) => ids.toSorted().join(" "),
  serve: async (context, state, channel) => {
    const { engine } = context;
    // Our own engine tells its marks with its numbers.
    const subscription = engine.onDidHappen(({ Type, Action, Actor }) => {
      if (!engine.own && Type === "container" && MARKS.test(Action) && wanted(state, Actor.ID))
        channel.say({ type: "marks", marks: [{ time: Date.now(), id: Actor.ID, action: Action }] });
      if (Type === "container" && Action === "destroy" && state.ids.includes(Actor.ID)) void tellGone(engine, state, channel);
    });
    try {
      await (engine.own ? followHistory(await engine.client(), state, channel) : followEach(context, state, channel));
    } finally {
      subscription.dispose();
    }
  },
};

async function tellGone(engine: Context["engine"], state: StatsState, { say }: StatsChannel): Promise<void> {
  const client = engine.runningClient;
  if (client && (await isGone(client, state).catch(() => false))) say({ type: "note", text: goneWords(state) });
}

/** Whether all that it is about was removed: no more numbers will come. */
async function isGone(client: DockerClient, { ids }: StatsState): Promise<boolean> {
  if (ids.length === 0) return false;
  return !(await client.containers.list({ all: true })).some(({ Id }) => ids.includes(Id));
}

const goneWords = ({ title }: StatsState): string => vscode.l10n.t("{0} is no longer there: it was removed", title);

const wanted = ({ ids }: StatsState, id: string): boolean => ids.length === 0 || ids.includes(id);

/** Our own engine remembers: all that it has, then each new sample. */
async function followHistory(client: DockerClient, state: StatsState, { say, signal }: StatsChannel): Promise<void> {
  for await (const message of client.statsHistory.follow({ signal })) {
    if (message.type === "container" && wanted(state, message.id)) {
      say({ type: "names", names: { [message.id]: message.name } });
      say({ type: "samples", id: message.id, samples: message.samples });
    } else if (message.type === "marks") {
      say({ type: "marks", marks: message.marks.filter(({ id }) => wanted(state, id)) });
      say((await isGone(client, state)) ? { type: "note", text: goneWords(state) } : { type: "known" });
    }
  }
  if (!signal.aborted) throw new Error(lostWords());
}

const lostWords = (): string => vscode.l10n.t("The connection to the engine is lost: this goes on when it is back");

/** Any other engine tells only what is: one stream a container. Ends when the engine is lost. */
async function followEach(context: Context, state: StatsState, { say, signal }: StatsChannel): Promise<void> {
  const client = await context.engine.client();
  const following = new Set<string>();
  const follow = async (id: string): Promise<void> => {
    if (following.has(id) || !wanted(state, id)) return;
    following.add(id);
    try {
      // Another machine's clock may be another one: what comes now is of now.
      let aheadMs: number | undefined;
      for await (const stats of client.containers.statsStream(id, { signal })) {
        if (stats.read <= "0002") continue;
        aheadMs ??= Date.parse(stats.read) - Date.now();
        say({ type: "samples", id, samples: [sampleOf(stats, aheadMs)] });
      }
    } finally {
      following.delete(id);
    }
  };
  const all = async (): Promise<void> => {
    const containers = await client.containers.list({ signal });
    say({
      type: "names",
      names: Object.fromEntries(containers.filter(({ Id }) => wanted(state, Id)).map((each) => [each.Id, containerName(each)])),
    });
    for (const { Id } of containers) void follow(Id).catch(() => {});
  };
  const subscription = context.engine.onDidHappen(({ Type, Action }) => {
    if (Type === "container" && Action === "start") void all().catch(() => {});
  });
  try {
    await all();
    say({ type: "known" });
    await lost(context, signal);
  } finally {
    subscription.dispose();
  }
  if (!signal.aborted) throw new Error(lostWords());
}

/** Resolves when the engine does not run any more, or the panel has been closed. */
function lost({ engine }: Context, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      subscription.dispose();
      resolve();
    };
    const subscription = engine.onDidChangeState(({ kind }) => kind !== "running" && done());
    signal.addEventListener("abort", done, { once: true });
  });
}

function sampleOf(stats: ContainerStats, aheadMs: number): StatsSample {
  const { received, sent } = networkBytes(stats);
  const { read, written } = blockBytes(stats);
  return {
    time: Date.parse(stats.read) - aheadMs,
    cpu: cpuPercent(stats),
    memory: memoryUsage(stats),
    limit: stats.memory_stats.limit ?? 0,
    received,
    sent,
    read,
    written,
    pids: stats.pids_stats.current ?? 0,
  };
}

export function openStats(context: Context, state: StatsState): void {
  showPage(context, statsPage, state);
}
