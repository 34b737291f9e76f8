/** The Doctor: everything that decides whether the engine works here, and how to mend what does not. */
import * as vscode from "vscode";
import type { Finding, FromDoctorPage, ToDoctorPage } from "../../webviews/protocol.ts";
import { openFix } from "../commands/engine.ts";
import type { Context } from "../context.ts";
import { fixCommand } from "../engine/state.ts";
import { formatSize } from "../tree/image.ts";
import { showPage } from "./page.ts";
import type { Page } from "./page.ts";

export const doctorPage: Page<Record<string, never>, ToDoctorPage, FromDoctorPage> = {
  name: "doctor",
  icon: "doctor",
  title: () => vscode.l10n.t("Berth: Doctor"),
  key: () => "",
  serve: async (context, _state, { say, onMessage }) => {
    let commands: ReadonlySet<string | undefined> = new Set();
    const look = async (): Promise<void> => {
      const sections = [
        { title: vscode.l10n.t("This machine"), findings: await machine(context) },
        { title: vscode.l10n.t("The engine"), findings: await engineFindings(context) },
        { title: vscode.l10n.t("This window"), findings: windowFindings() },
      ];
      commands = new Set(sections.flatMap(({ findings }) => findings.map(({ command }) => command)));
      say({ type: "findings", sections });
    };
    onMessage((message) => {
      if (message.type === "again") void look();
      else if (message.type === "copy") void vscode.env.clipboard.writeText(message.text);
      // A page asks for nothing but what it was told.
      else if (message.type === "terminal" && commands.has(message.text)) openFix(message.text);
    });
    await look();
  },
};

const good = (text: string): Finding => ({ kind: "good", text });

async function machine({ engine }: Context): Promise<Finding[]> {
  if (process.platform !== "linux")
    return [
      {
        kind: "bad",
        text: vscode.l10n.t("Berth's own engine needs Linux"),
        advice: vscode.l10n.t("open the folder in WSL or on a Linux machine"),
      },
    ];
  const problems = await engine.problems();
  if (problems.length === 0) return [good(vscode.l10n.t("It has all that Berth's engine needs"))];
  const found = problems.map(({ message, fix }): Finding => ({
    kind: "bad",
    text: message,
    ...(fix.startsWith("sudo ") ? { command: fix } : { advice: fix }),
  }));
  const all = fixCommand(problems);
  const several = found.filter(({ command }) => command !== undefined).length > 1;
  return all && several ? [...found, { kind: "warning", text: vscode.l10n.t("All of these at once"), command: all }] : found;
}

async function engineFindings({ engine }: Context): Promise<Finding[]> {
  const which = good(
    engine.own ? vscode.l10n.t("Berth's own engine is used") : vscode.l10n.t("Another endpoint is used: {0}", engine.endpoint),
  );
  try {
    const client = await engine.client();
    const [version, info] = await Promise.all([client.system.version(), client.system.info()]);
    const memory = formatSize(info.MemTotal);
    return [
      which,
      good(vscode.l10n.t("It answers: version {0}, API {1}", version.Version, version.ApiVersion)),
      good(vscode.l10n.t("{0}, kernel {1}, {2} CPUs, {3} of memory", info.OperatingSystem, info.KernelVersion, info.NCPU, memory)),
      good(
        vscode.l10n.t("Storage {0} in {1}; cgroups v{2} by {3}", info.Driver, info.DockerRootDir, info.CgroupVersion, info.CgroupDriver),
      ),
      ...(info.Warnings ?? []).map((text): Finding => ({ kind: "warning", text: text.replace(/^WARNING: /, "") })),
    ];
  } catch (error) {
    // What the machine lacks is said already.
    if (engine.state.kind === "lacking") return [which, { kind: "warning", text: vscode.l10n.t("It starts once that is mended") }];
    const advice = engine.own
      ? vscode.l10n.t("The command “Berth: Show Engine Log” says more")
      : vscode.l10n.t("Start that engine, or choose another one in the view Endpoints");
    return [which, { kind: "bad", text: (error as Error).message, advice }];
  }
}

function windowFindings(): Finding[] {
  if (vscode.workspace.isTrusted) return [good(vscode.l10n.t("The folder is trusted"))];
  return [{ kind: "warning", text: vscode.l10n.t("The folder is not trusted: nothing of it is built or run") }];
}

export function openDoctor(context: Context): void {
  showPage(context, doctorPage, {});
}
