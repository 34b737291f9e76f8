/** Offers Berth's tasks to the editor; what they do is read when the first one is wanted. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { taskKinds } from "./tasks.ts";

const TYPES: readonly (keyof typeof taskKinds)[] = ["berth-build", "berth-run", "berth-compose"];

export function registerTasks(context: Context): vscode.Disposable[] {
  const kindOf = async (type: keyof typeof taskKinds): Promise<(typeof taskKinds)[typeof type]> =>
    (await import("./tasks.ts")).taskKinds[type];
  return TYPES.map((type) =>
    vscode.tasks.registerTaskProvider(type, {
      provideTasks: async () => {
        const { offered, make } = await kindOf(type);
        return (await offered(context)).map(({ definition, place }) => make(context, definition, place));
      },
      resolveTask: async ({ definition, scope }) => (await kindOf(type)).make(context, definition, scope),
    }),
  );
}
