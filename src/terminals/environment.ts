/** `berth` for the editor's terminals and tasks: on their PATH, and DOCKER_HOST for other tools if the user says so. */
import { join } from "node:path";
import * as vscode from "vscode";
import type { Context } from "../context.ts";

/** The command with what it needs to talk to the window's engine. */
export function berthProgram({ engine, extension }: Pick<Context, "engine" | "extension">): {
  program: string;
  /** Words in front of the verb. */
  prefix: string[];
  env: Record<string, string>;
} {
  const settings = vscode.workspace.getConfiguration("berth");
  const node = settings.get("engine.nodePath", "") || process.execPath;
  const root = settings.get("engine.root", "") || process.env["BERTH_ROOT"] || "";
  const { endpoint } = engine;
  const context = endpoint.startsWith("context:") ? ["--context", endpoint.slice("context:".length)] : ["--host", endpoint];
  return {
    program: join(extension.extensionPath, "dist", "berth"),
    prefix: engine.own ? [] : context,
    env: {
      BERTH_NODE: node,
      ELECTRON_RUN_AS_NODE: "1",
      ...(root ? { BERTH_ROOT: root } : {}),
      // What is meant is said above, or it is Berth's own engine.
      DOCKER_HOST: "",
      DOCKER_CONTEXT: "",
    },
  };
}

/** Keeps the environment of new terminals true. */
export function keepTerminals({ engine, extension, log }: Context): void {
  const variables = extension.environmentVariableCollection;
  variables.persistent = false;
  variables.description = vscode.l10n.t("Puts the command berth on the PATH");
  const update = async (): Promise<void> => {
    const settings = vscode.workspace.getConfiguration("berth.terminal");
    variables.clear();
    if (settings.get("path", true)) {
      variables.append("PATH", `:${join(extension.extensionPath, "dist", "bin")}`);
      const { env } = berthProgram({ engine, extension });
      variables.replace("BERTH_NODE", env["BERTH_NODE"]!);
      if (env["BERTH_ROOT"]) variables.replace("BERTH_ROOT", env["BERTH_ROOT"]);
    }
    if (!settings.get("dockerHost", false)) return;
    if (engine.endpoint.startsWith("context:")) return variables.replace("DOCKER_CONTEXT", engine.endpoint.slice("context:".length));
    const address = engine.own ? await engine.ownAddress() : /^(unix|tcp|ssh):/.test(engine.endpoint) ? engine.endpoint : undefined;
    if (address) variables.replace("DOCKER_HOST", address);
  };
  const soon = (): void => void update().catch((error: Error) => log.warn(error.message));
  soon();
  extension.subscriptions.push(
    engine.onDidChangeState(({ kind }) => {
      if (kind === "running" || kind === "stopped") soon();
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (["berth.terminal", "berth.endpoint", "berth.engine"].some((name) => change.affectsConfiguration(name))) soon();
    }),
  );
}
