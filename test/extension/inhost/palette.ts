/** Every command as the palette calls it: with no argument. It asks, or does what needs no question, and never fails. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as vscode from "vscode";
import packageJson from "../../../package.json" with { type: "json" };
import words from "../../../package.nls.json" with { type: "json" };
import { berth, inside, scratch } from "./inside.ts";
import { escaping, until } from "./prompts.ts";

interface Contributed {
  readonly command: string;
  readonly title: string;
  readonly category?: string;
  readonly icon?: string;
}

const { commands, menus } = packageJson.contributes as {
  commands: Contributed[];
  menus: Record<string, { command: string; when?: string; group?: string }[]>;
};
const hidden = new Set(menus["commandPalette"]!.filter(({ when }) => when === "false").map(({ command }) => command));

/** They end or change what the other tests stand on, and have tests of their own. */
const APART = new Set(["berth.engine.stop", "berth.engine.restart", "berth.sample.run", "berth.dockerfile.run"]);

suite("The palette", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    await berth("run", "-d", "--name", "palette", "busybox", "sleep", "1000");
  });
  suiteTeardown(async () => {
    await berth("rm", "-f", "palette");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  test("names each command once, with a category, and an icon where it is a button", () => {
    const names = commands.filter(({ command }) => !hidden.has(command)).map(({ category, title }) => `${category}: ${title}`);
    const shown = names.map((name) => name.replaceAll(/%([^%]+)%/g, (_, key: string) => (words as Record<string, string>)[key] ?? key));
    assert.deepEqual(
      shown.filter((name, at) => shown.indexOf(name) !== at),
      [],
    );
    assert.deepEqual(
      commands.filter(({ category }) => !category),
      [],
    );
    const buttons = Object.entries(menus).flatMap(([menu, items]) =>
      items.filter(({ group = "" }) =>
        menu === "view/title" || menu === "editor/title" ? group.startsWith("navigation") : group.startsWith("inline"),
      ),
    );
    const iconOf = new Map(commands.map(({ command, icon }) => [command, icon]));
    assert.deepEqual(
      buttons.filter(({ command }) => !iconOf.get(command)).map(({ command }) => command),
      [],
    );
  });

  test("registers nothing that is not contributed", async () => {
    const contributed = new Set(commands.map(({ command }) => command));
    const registered = (await vscode.commands.getCommands(true)).filter((name) => name.startsWith("berth."));
    // The editor makes these for each view.
    const views = /\.(focus|open|resetViewLocation|removeView|toggleVisibility)$/;
    assert.deepEqual(
      registered.filter((name) => !contributed.has(name) && !views.test(name)),
      [],
    );
  });

  for (const { command } of commands.filter((each) => !APART.has(each.command)))
    test(`${command} with nothing`, async () => {
      const before = await containers();
      const { errors } = await escaping(() => vscode.commands.executeCommand(command));
      assert.deepEqual(errors, []);
      assert.deepEqual(await containers(), before);
    });
});

/** What nobody wants to read: a program's own words for its mistakes. */
const RAW = /TypeError|is not a function|undefined|Cannot read prop|\n\s+at |\[object|ENOENT|ECONNREFUSED/;

suite("Without an engine", () => {
  const dead = `unix://${join(scratch, "nobody-there.sock")}`;
  const lost: unknown[] = [];
  const note = (error: unknown): void => void lost.push(error);
  suiteSetup(async () => {
    const { engine } = await inside();
    process.on("unhandledRejection", note);
    await vscode.workspace.getConfiguration("berth").update("endpoint", dead, vscode.ConfigurationTarget.Global);
    await until(() => engine.endpoint === dead && engine.state.kind === "failed", engine.onDidChangeState);
  });
  suiteTeardown(async () => {
    const { engine } = await inside();
    process.off("unhandledRejection", note);
    await vscode.workspace.getConfiguration("berth").update("endpoint", undefined, vscode.ConfigurationTarget.Global);
    await until(() => engine.state.kind === "running", engine.onDidChangeState);
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  test("every command says so in a sentence, or does what needs none", async () => {
    // Two that undo each other are not for the same moment.
    const names = commands.map(({ command }) => command).filter((command) => !APART.has(command) && !/(hide|show)Unused$/.test(command));
    const { errors } = await escaping(() => Promise.all(names.map((command) => vscode.commands.executeCommand(command))));
    assert.ok(errors.length > 0);
    for (const text of errors) assert.doesNotMatch(text, RAW);
    assert.deepEqual(lost.map(String), []);
  });
});

async function containers(): Promise<string[]> {
  const client = await (await inside()).engine.client();
  return (await client.containers.list({ all: true })).map(({ Id, State }) => `${Id} ${State}`);
}
