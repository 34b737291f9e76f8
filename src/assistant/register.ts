/** Tools for language models, where the editor has any; what they do is read when the first one is asked for. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";

export function registerTools(context: Context): vscode.Disposable[] {
  // Forks of the editor may come without.
  const { lm } = vscode as Partial<typeof vscode>;
  if (typeof lm?.registerTool !== "function") return [];
  const { contributes } = context.extension.extension.packageJSON as { contributes: { languageModelTools: { name: string }[] } };
  const tool = async (name: string): Promise<(typeof import("./tools.ts"))["tools"][string]> => (await import("./tools.ts")).tools[name]!;
  return contributes.languageModelTools.map(({ name }) =>
    lm.registerTool<Readonly<Record<string, unknown>>>(name, {
      prepareInvocation: async ({ input }) => (await tool(name)).prepare?.(input),
      invoke: async ({ input }, token) => {
        const { signalOf } = await import("../commands/command.ts");
        const text = await (await tool(name)).invoke(context, input, signalOf(token));
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
      },
    }),
  );
}
