/** Commands, answered as a person would answer them: what the engine has afterwards counts. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import * as vscode from "vscode";
import { commands } from "../../../src/commands/commands.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { berth, inside, rowAt, scratch, untilHeeds } from "./inside.ts";
import { answering, run, until } from "./prompts.ts";
import type { Answer } from "./prompts.ts";

const state = (name: string): Promise<string> => berth("inspect", "--format", "{{.State.Status}}", name);
const clipboard = async (): Promise<string> => vscode.env.clipboard.readText();
/** The active editor is another one once the extension host has been told. */
const shows = (want: RegExp): Promise<true> =>
  until(
    () => want.test(vscode.window.activeTextEditor?.document.getText() ?? ""),
    vscode.window.onDidChangeActiveTextEditor,
    vscode.workspace.onDidChangeTextDocument,
  ) as Promise<true>;
const file = (name: string): string => join(scratch, name);
const images = (): Promise<string> => berth("images", "--format", "{{.Repository}}:{{.Tag}}");

type Case = [command: string, args: () => unknown[] | Promise<unknown[]>, answers: Answer[], check: () => unknown];
const row =
  (...path: Parameters<typeof rowAt>) =>
  async (): Promise<unknown[]> => [await rowAt(...path)];

/** In order: each builds on those before it. */
const cases: Case[] = [
  ["container.pause", () => ["one"], [], async () => assert.equal(await state("one"), "paused")],
  ["container.unpause", () => ["one"], [], async () => assert.equal(await state("one"), "running")],
  ["container.restart", () => ["one"], [], async () => assert.equal(await state("one"), "running")],
  ["container.kill", () => ["one"], ["Kill"], async () => assert.equal(await state("one"), "exited")],
  ["container.start", () => ["one"], [], async () => assert.equal(await state("one"), "running")],
  ["container.rename", () => ["one"], ["first"], async () => assert.equal(await state("first"), "running")],
  ["container.inspect", () => ["first"], [], () => shows(/^\{[^]*"Name": "\/first"/)],
  ["container.top", () => ["first"], [], () => shows(/PID .*\n[^]*sleep/)],
  ["container.copyName", () => ["first"], [], async () => assert.equal(await clipboard(), "first")],
  ["container.copyId", () => ["first"], [], async () => assert.match(await clipboard(), /^[0-9a-f]{64}$/)],
  ["container.copyCommand", () => ["first"], ["logs"], async () => assert.equal(await clipboard(), "berth logs --follow first")],
  ["container.commit", () => ["first"], ["made:here"], async () => assert.match(await images(), /^made:here$/m)],
  ["container.export", () => ["first"], [file("first.tar")], () => assert.ok(readFileSync(file("first.tar")).includes("seen.txt"))],
  ["container.changes", () => ["first"], ["seen.txt"], () => shows(/^seen\n$/)],
  [
    "network.create",
    () => [],
    ["inner", "10.77.0.0/24", "Internal"],
    async () => assert.equal(await berth("network", "inspect", "inner", "--format", "{{.Internal}}"), "true"),
  ],
  [
    "container.connect",
    () => ["first"],
    ["inner"],
    async () => assert.match(await berth("inspect", "--format", "{{json .NetworkSettings.Networks}}", "first"), /"inner".*10\.77\.0\./),
  ],
  ["network.inspect", row("networks", "inner"), [], () => shows(/"Subnet": "10\.77\.0\.0\/24"/)],
  [
    "network.disconnect",
    row("networks", "inner", "first"),
    ["Disconnect"],
    async () => assert.doesNotMatch(await berth("inspect", "--format", "{{json .NetworkSettings.Networks}}", "first"), /inner/),
  ],
  [
    "network.connect",
    row("networks", "inner"),
    [["first"]],
    async () => assert.match(await berth("inspect", "--format", "{{json .NetworkSettings.Networks}}", "first"), /inner/),
  ],
  [
    "container.disconnect",
    () => ["first"],
    [["inner"], "Disconnect"],
    async () => assert.doesNotMatch(await berth("inspect", "--format", "{{json .NetworkSettings.Networks}}", "first"), /inner/),
  ],
  ["network.remove", row("networks", "inner"), ["Remove"], async () => assert.doesNotMatch(await berth("network", "ls"), /inner/)],
  ["network.create", () => [], ["unused", "", "Open"], async () => assert.match(await berth("network", "ls"), /unused/)],
  ["network.prune", () => [], ["Remove"], async () => assert.doesNotMatch(await berth("network", "ls"), /unused/)],
  ["image.tag", () => ["made:here"], ["other:there"], async () => assert.match(await images(), /^other:there$/m)],
  ["image.copyTag", () => ["other:there"], [], async () => assert.match(await clipboard(), /other:there$/)],
  ["image.copyCommand", () => ["other:there"], ["rmi"], async () => assert.match(await clipboard(), /^berth rmi .*other:there$/)],
  ["image.inspect", () => ["other:there"], [], () => shows(/"RepoTags"/)],
  ["image.history", () => ["other:there"], [], () => shows(/^Made +Size +Instruction\n[^]*Imported from/)],
  ["container.create", () => ["other:there"], ["only-made"], async () => assert.equal(await state("only-made"), "created")],
  ["container.remove", () => ["only-made"], ["Remove"], async () => assert.doesNotMatch(await berth("ps", "-a"), /only-made/)],
  ["image.save", row("images", "other:there"), [file("saved.tar")], () => assert.ok(existsSync(file("saved.tar")))],
  ["image.remove", () => ["other:there"], ["Remove"], async () => assert.doesNotMatch(await images(), /other/)],
  ["image.load", () => [], [file("saved.tar")], async () => assert.match(await images(), /^other:there$/m)],
  ["image.import", () => [], ["imported:1", file("first.tar")], async () => assert.match(await images(), /^imported:1$/m)],
  ["image.explore", row("images", "imported:1"), [], () => openTab("Image: imported:1")],
  ["volume.create", () => [], ["box"], async () => assert.match(await berth("volume", "ls", "-q"), /^box$/m)],
  [
    "file.new",
    row("volumes", "box"),
    ["note.txt"],
    async () => assert.match(await berth("run", "--rm", "-v", "box:/b", "busybox", "ls", "/b"), /note\.txt/),
  ],
  ["file.newFolder", row("volumes", "box"), ["folder"], () => {}],
  [
    "file.upload",
    row("volumes", "box", "Files", "folder"),
    [[file("up.txt")]],
    async () => assert.equal(await berth("run", "--rm", "-v", "box:/b", "busybox", "cat", "/b/folder/up.txt"), "uploaded"),
  ],
  ["file.copyPath", row("volumes", "box", "Files", "folder", "up.txt"), [], async () => assert.equal(await clipboard(), "/folder/up.txt")],
  [
    "file.rename",
    row("volumes", "box", "Files", "folder", "up.txt"),
    ["moved.txt"],
    async () => assert.equal(await berth("run", "--rm", "-v", "box:/b", "busybox", "ls", "/b/folder"), "moved.txt"),
  ],
  [
    "file.download",
    row("volumes", "box", "Files", "folder"),
    [scratch],
    () => assert.equal(readFileSync(file("folder/moved.txt"), "utf8"), "uploaded"),
  ],
  [
    "file.delete",
    row("volumes", "box", "Files", "folder"),
    ["Delete"],
    async () => assert.equal(await berth("run", "--rm", "-v", "box:/b", "busybox", "ls", "/b"), "note.txt"),
  ],
  ["volume.backUp", () => ["box"], [file("box.tar")], () => assert.ok(readFileSync(file("box.tar")).includes("note.txt"))],
  ["file.delete", row("volumes", "box", "Files", "note.txt"), ["Delete"], () => {}],
  [
    "volume.restore",
    () => ["box"],
    ["Replace", file("box.tar")],
    async () => assert.equal(await berth("run", "--rm", "-v", "box:/b", "busybox", "ls", "/b"), "note.txt"),
  ],
  ["volume.inspect", () => ["box"], [], () => shows(/"Name": "box"/)],
  ["volume.copyName", () => ["box"], [], async () => assert.equal(await clipboard(), "box")],
  ["volume.remove", () => ["box"], ["Remove"], async () => assert.doesNotMatch(await berth("volume", "ls", "-q"), /^box$/m)],
  ["volume.create", () => [], ["spare"], () => {}],
  ["volume.prune", () => [], ["Remove"], async () => assert.doesNotMatch(await berth("volume", "ls", "-q"), /^spare$/m)],
  ["system.df", () => [], [], () => shows(/^Images +\d/m)],
  ["system.info", () => [], [], () => shows(/"Version"/)],
  ["doctor", () => [], [], () => openTab("Berth: Doctor")],
  ["container.stats", () => ["first"], [], () => openTab("Stats: first")],
  ["container.searchLogs", () => ["first"], [], () => openTab("Logs: first")],
  ["container.edit", () => ["first"], [], () => openTab("Edit first")],
  ["container.stop", () => ["first"], [], async () => assert.equal(await state("first"), "exited")],
  ["container.prune", () => [], ["Remove"], async () => assert.doesNotMatch(await berth("ps", "-a"), /first/)],
  ["image.prune", () => [], ["All images", "Remove"], async () => assert.doesNotMatch(await images(), /other/)],
  ["system.prune", () => [], [["Build cache"], "Prune"], () => {}],
  ["engine.log", () => [], [], () => {}],
  [
    "workspace.addFiles",
    () => [vscode.Uri.file(file("page"))],
    ["HTML", "8099", "With a compose file"],
    async () => {
      assert.match(readFileSync(file("page/Dockerfile"), "utf8"), /^FROM busybox[^]*EXPOSE 8099/);
      assert.match(readFileSync(file("page/compose.yaml"), "utf8"), /127\.0\.0\.1:8099:8099/);
      await berth("build", "-q", "-t", "scaffold", file("page"));
      await berth("rmi", "scaffold");
    },
  ],
  [
    "build.forget",
    () => [],
    [["scaffold"], "Forget"],
    async () => {
      const records = await (await (await inside()).engine.client()).buildRecords.list();
      assert.deepEqual(
        records.filter(({ tags }) => tags.includes("scaffold:latest")),
        [],
      );
    },
  ],
  [
    "workspace.addFiles",
    () => [vscode.Uri.file(file("page"))],
    ["Node.js", "", "Only a Dockerfile", "Keep"],
    () => assert.match(readFileSync(file("page/Dockerfile"), "utf8"), /^FROM busybox/),
  ],
];

/** A panel's tab shows once the editor has been told. */
async function openTab(title: string): Promise<void> {
  const isOpen = (): boolean => vscode.window.tabGroups.all.some(({ tabs }) => tabs.some(({ label }) => label === title));
  await until(isOpen, vscode.window.tabGroups.onDidChangeTabs);
}

suite("Commands", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    writeFileSync(file("up.txt"), "uploaded");
    mkdirSync(file("page"));
    await berth("run", "-d", "--name", "one", "busybox", "sh", "-c", "echo seen >/seen.txt; trap exit TERM; sleep 1000 & wait");
    await berth("exec", "one", "sh", "-c", "until [ -s /seen.txt ]; do sleep 0.05; done");
    await berth("run", "-d", "--name", "keeper", "busybox", "sleep", "1000");
  });

  suiteTeardown(async () => {
    await berth("rm", "-f", "keeper");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  test("are the ones of the manifest", async () => {
    const named = packageJson.contributes.commands.map(({ command }) => command.replace("berth.", ""));
    const { languageCommands } = await import("../../../src/language/commands.ts");
    const language = Object.keys(
      languageCommands(await inside(), { request: async () => undefined, onDidChangeFiles: () => ({ dispose: () => {} }) } as never),
    );
    assert.deepEqual([...Object.keys(commands), ...language].toSorted(), named.toSorted());
  });

  test("say the engine's own sentence when it refuses", async () => {
    await berth("create", "--name", "lonely", "busybox", "true");
    const { errors } = await run("image.remove", ["busybox:latest"], ["Remove"], true);
    await berth("rm", "lonely");
    assert.match(errors.join(), /conflict: unable to (remove|delete).*busybox/);
  });

  test("tell when a container ends, as a signal makes it", async () => {
    await berth("run", "-d", "--name", "ending", "busybox", "sh", "-c", "trap 'exit 7' USR1; while true; do sleep 0.1; done");
    await berth("exec", "ending", "sh", "-c", untilHeeds(constants.signals.SIGUSR1));
    const { messages } = await answering(["SIGUSR1"], false, async () => {
      const told = vscode.commands.executeCommand("berth.container.wait", "ending");
      await vscode.commands.executeCommand("berth.container.signal", "ending");
      await told;
    });
    await berth("rm", "ending");
    assert.deepEqual(messages, ["ending ended with exit code 7"]);
  });

  for (const [command, args, answers, check] of cases)
    test(`${command}${answers.length > 0 ? ` answered ${JSON.stringify(answers.map((answer) => String(answer).replace(scratch, "…")))}` : ""}`, async () => {
      await run(command, await args(), answers);
      await check();
    });
});
