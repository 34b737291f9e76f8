/** What the engine can do with containers in one call each. */
import * as vscode from "vscode";
import { isStatus } from "../../engine/client/errors.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { Operation } from "./operation.ts";

const state = ({ container }: ContainerNode): string => container.State;
export const isAlive = (node: ContainerNode): boolean => ["running", "paused", "restarting"].includes(state(node));
export const isRunning = (node: ContainerNode): boolean => state(node) === "running";
const isPaused = (node: ContainerNode): boolean => state(node) === "paused";
const isStill = (node: ContainerNode): boolean => !isAlive(node);

const names = (nodes: readonly ContainerNode[]): string => nodes.map(({ shown }) => shown.label).join(", ");
const words =
  (...verb: string[]) =>
  ({ shown }: ContainerNode): string[] => [...verb, shown.label];

export const containerOperations: Readonly<Record<string, Operation<ContainerNode>>> = {
  "container.start": {
    title: vscode.l10n.t("Start which container?"),
    fits: isStill,
    run: ({ containers }, { container }, options) => containers.start(container.Id, options),
    words: words("start"),
  },
  "container.stop": {
    title: vscode.l10n.t("Stop which container?"),
    fits: isAlive,
    run: ({ containers }, { container }, options) => containers.stop(container.Id, options),
    words: words("stop"),
  },
  "container.restart": {
    title: vscode.l10n.t("Restart which container?"),
    fits: isAlive,
    run: ({ containers }, { container }, options) => containers.restart(container.Id, options),
    words: words("restart"),
  },
  "container.pause": {
    title: vscode.l10n.t("Pause which container?"),
    fits: isRunning,
    run: ({ containers }, { container }, options) => containers.pause(container.Id, options),
    words: words("pause"),
  },
  "container.unpause": {
    title: vscode.l10n.t("Resume which container?"),
    fits: isPaused,
    run: ({ containers }, { container }, options) => containers.unpause(container.Id, options),
    words: words("unpause"),
  },
  "container.kill": {
    title: vscode.l10n.t("Kill which container?"),
    fits: isAlive,
    run: ({ containers }, { container }, options) => containers.kill(container.Id, options),
    words: words("kill"),
    confirm: (nodes) => ({
      message: vscode.l10n.t("Kill {0}?", names(nodes)),
      detail: vscode.l10n.t("What runs in it ends at once, without a chance to save."),
      yes: vscode.l10n.t("Kill"),
    }),
  },
  "container.remove": {
    title: vscode.l10n.t("Remove which container?"),
    run: ({ containers }, { container }, options) =>
      containers.remove(container.Id, { force: true, volumes: true, ...options }).catch((error: unknown) => {
        // The container was to remove itself when stopped, and is at it.
        if (!isStatus(error, 409)) throw error;
      }),
    words: words("rm", "--force", "--volumes"),
    confirm: (nodes) => ({
      message: vscode.l10n.t("Remove {0}?", names(nodes)),
      detail: nodes.some(isAlive) ? vscode.l10n.t("What runs in it is killed. Its files that are not in a volume are lost.") : "",
      yes: vscode.l10n.t("Remove"),
    }),
  },
};
