/** The run form: a new container, or one that exists with other options. */
import * as vscode from "vscode";
import type { FromRunPage, RunState, ToRunPage } from "../../webviews/protocol.ts";
import { commandLine } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { runWords } from "../run/spec.ts";
import { createSpec, recreate, runSpec, saveSpec } from "../run/run.ts";
import { showPage } from "./page.ts";
import type { Page } from "./page.ts";

export const runPage: Page<RunState, ToRunPage, FromRunPage> = {
  name: "run",
  icon: "run",
  lasting: true,
  title: ({ spec, replaces }) => (replaces ? vscode.l10n.t("Edit {0}", replaces.name) : vscode.l10n.t("Run {0}", spec.image)),
  key: ({ spec, replaces, saved }) => replaces?.id ?? `${saved ?? ""} ${spec.image} ${spec.name}`,
  serve: async (context, { replaces, saved }, { say, onMessage, signal }) => {
    onMessage((message) => {
      if (message.type === "ready") return;
      const work = { run: start, create: make, save: keep, changed: show }[message.type];
      work(context, message.spec).catch((error: Error) => say({ type: "problem", text: error.message }));
    });
    const show = async (_: Context, spec: RunState["spec"]): Promise<void> => {
      say({ type: "command", text: commandLine(context, ["run", ...runWords(spec)]) });
    };
    const start = async (_: Context, spec: RunState["spec"]): Promise<void> => {
      say({ type: "problem", text: "" });
      if (replaces) await recreate(context, replaces.id, spec);
      else await runSpec(context, spec);
    };
    const make = async (_: Context, spec: RunState["spec"]): Promise<void> => {
      say({ type: "problem", text: "" });
      await createSpec(context, spec);
    };
    const keep = async (_: Context, spec: RunState["spec"]): Promise<void> => {
      await saveSpec(context, spec, saved);
    };
    const client = await context.engine.client();
    const [images, networks, volumes] = await Promise.all([
      client.images.list({ signal }),
      client.networks.list({ signal }),
      client.volumes.list({ signal }),
    ]);
    say({
      type: "choices",
      images: images.flatMap(({ RepoTags }) => RepoTags).filter((tag) => tag !== "<none>:<none>"),
      networks: networks.map(({ Name }) => Name),
      volumes: volumes.map(({ Name }) => Name),
    });
  },
};

export function openRunForm(context: Context, state: RunState): void {
  showPage(context, runPage, state);
}
