/** A window on a folder that nobody trusts: see hostile.ts for what it would like. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import * as vscode from "vscode";
import { composeCommands } from "../../../src/commands/compose.ts";
import { TRACE } from "../hostile.ts";
import { berth, inside, labels, rowAt, rows } from "./inside.ts";
import { instead, run } from "./prompts.ts";

const folder = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri;
const file = (name: string): vscode.Uri => vscode.Uri.joinPath(folder(), name);

/** All that builds or runs what the folder says, and what it is called on. */
const REFUSED: readonly (readonly [string, string])[] = [
  ...["dockerfile.build", "dockerfile.buildWith", "dockerfile.run"].map((command) => [command, "Dockerfile"] as const),
  ...["language.build", "language.buildTo", "language.shell", "language.files"].map((command) => [command, "Dockerfile"] as const),
  ...Object.keys(composeCommands)
    // It reads what the engine has, and runs nothing.
    .filter((command) => command !== "compose.logs")
    .map((command) => [command, "compose.yaml"] as const),
  ...["up", "restart", "logs", "serviceShell"].map((verb) => [`language.${verb}`, "compose.yaml"] as const),
  ["custom.run", "Dockerfile"],
  ["workspace.addFiles", "Dockerfile"],
];

suite("An untrusted folder", function () {
  const images = (): Promise<string> => berth("images", "--all", "--quiet", "--no-trunc");
  let imagesBefore: string;
  suiteSetup(async function () {
    // A desktop VS Code trusts every folder of a test.
    if (vscode.workspace.isTrusted) return this.skip();
    await vscode.commands.executeCommand("berth.engine.start");
    imagesBefore = await images();
    await berth("run", "-d", "--name", "mine", "--init", "-v", "mine:/data", "busybox", "sleep", "1000");
  });
  suiteTeardown(async () => {
    if (vscode.workspace.isTrusted) return;
    assert.equal(await berth("ps", "-a", "--format", "{{.Names}}"), "mine");
    assert.equal(await images(), imagesBefore);
    await berth("rm", "-f", "mine");
    await berth("volume", "rm", "mine");
    assert.ok(!existsSync(file(TRACE).fsPath), "Something of the folder has been run");
  });

  test("does not say which programs are run and which engine is used", async () => {
    const { engine } = await inside();
    assert.deepEqual([engine.own, engine.state.kind], [true, "running"]);
    assert.equal(await engine.ownAddress(), `unix://${process.env["BERTH_ROOT"]}/run/berth.sock`);
    const settings = vscode.workspace.getConfiguration("berth");
    const names = ["endpoint", "engine.root", "engine.nodePath", "terminal.path", "terminal.dockerHost", "customCommands"];
    for (const name of names) assert.deepEqual(settings.get(name), settings.inspect(name)?.defaultValue, name);
    assert.equal(settings.get("containers.groupBy"), "image");
    assert.ok(!readdirSync(folder().fsPath).includes("engine"));
  });

  for (const [command, name] of REFUSED)
    test(`${command} refuses, and offers to manage trust`, async () => {
      const offered: string[] = [];
      const opened: string[] = [];
      const showWarningMessage = async (text: string, ...actions: string[]): Promise<string | undefined> => {
        offered.push(text, ...actions);
        return actions[0];
      };
      const { executeCommand } = vscode.commands;
      await instead({ showWarningMessage }, async () => {
        const commands = vscode.commands as unknown as Record<string, unknown>;
        commands["executeCommand"] = (id: string, ...args: unknown[]): unknown =>
          id === "workbench.trust.manage" ? void opened.push(id) : executeCommand(id, ...args);
        try {
          await executeCommand(`berth.${command}`, file(name));
        } finally {
          commands["executeCommand"] = executeCommand;
        }
      });
      assert.deepEqual(offered, ["Berth builds and runs nothing from a folder that is not trusted", "Manage Workspace Trust"]);
      assert.deepEqual(opened, ["workbench.trust.manage"]);
    });

  test("has tasks that refuse, whoever runs them", async () => {
    const { taskKinds } = await import("../../../src/tasks/tasks.ts");
    const context = await inside();
    for (const definition of [
      { type: "berth-build", dockerfile: "Dockerfile" },
      { type: "berth-run", image: "busybox" },
      { type: "berth-compose", command: "up --detach", file: "compose.yaml" },
    ]) {
      const { execution } = taskKinds[definition.type as keyof typeof taskKinds].make(context, definition);
      assert.ok(execution instanceof vscode.CustomExecution, `${definition.type} starts a program`);
      const { callback } = execution as unknown as { callback: () => Promise<vscode.Pseudoterminal> };
      const terminal = await callback();
      let said = "";
      terminal.onDidWrite((text) => (said += text));
      const code = new Promise((resolve) => terminal.onDidClose!(resolve));
      terminal.open(undefined);
      assert.equal(await code, 1);
      assert.match(said, /a folder that is not trusted/);
    }
  });

  test("lets no assistant build", async () => {
    const { tools } = await import("../../../src/assistant/tools.ts");
    await assert.rejects(
      tools["berth_build"]!.invoke(await inside(), { dockerfile: "Dockerfile" }, new AbortController().signal),
      /a folder that is not trusted/,
    );
  });

  test("keeps nobody from the engine", async () => {
    assert.deepEqual(labels(await rows("containers", await rowAt("containers", "busybox"))), ["mine"]);
    assert.match((await rowAt("volumes", "mine")).shown.description, /used by mine/);
    await run("container.restart", ["mine"]);
    assert.equal(await berth("inspect", "--format", "{{.State.Status}}", "mine"), "running");
    const note = vscode.Uri.from({ scheme: "berth", path: "/volumes/mine/note" });
    await vscode.workspace.fs.writeFile(note, new TextEncoder().encode("1"));
    assert.equal(await berth("exec", "mine", "cat", "/data/note"), "1");
  });

  test("shows its project without following where its files point", async () => {
    const project = await rowAt("projects", "hostile");
    assert.deepEqual(labels(await rows("projects", project)), ["bad"]);
  });
});
