/** The engine's files through the editor's file system, and what else the extension offers the editor. */
import assert from "node:assert/strict";
import { rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { download, upload } from "../../../src/files/transfer.ts";
import { property } from "../../../src/tree/node.ts";
import type { Node } from "../../../src/tree/node.ts";
import { berth, inside, rowAt, scratch } from "./inside.ts";
import { answering, instead, until } from "./prompts.ts";

const { fs } = vscode.workspace;
const uri = (path: string): vscode.Uri => vscode.Uri.from({ scheme: "berth", path });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = async (path: string): Promise<string> => new TextDecoder().decode(await fs.readFile(uri(path)));
const code = (error: unknown): string => (error as vscode.FileSystemError).code;

/** The active tab is a diff of such paths, once the extension host has been told. */
async function diffShows(wanted: (paths: readonly string[]) => boolean): Promise<void> {
  await until(() => {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    return input instanceof vscode.TabInputTextDiff && wanted([input.modified.path, input.original.path]);
  }, vscode.window.tabGroups.onDidChangeTabs);
}

suite("Files", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    await berth("volume", "create", "kept");
    await berth("create", "--name", "still", "-v", "kept:/kept", "busybox", "true");
    await berth("run", "-d", "--name", "alive", "busybox", "sleep", "1000");
  });

  suiteTeardown(async () => {
    await berth("rm", "-f", "still", "alive");
    await berth("volume", "rm", "kept");
  });

  for (const [what, root] of [
    ["a volume while nothing runs", "/volumes/kept"],
    ["a container that never ran", "/containers/still/tmp"],
    ["a running container", "/containers/alive/tmp"],
  ] as const)
    test(`of ${what} are made, read, changed, moved and deleted`, async () => {
      await fs.createDirectory(uri(`${root}/folder`));
      await fs.writeFile(uri(`${root}/folder/a.txt`), bytes("one"));
      assert.equal(await read(`${root}/folder/a.txt`), "one");
      await fs.writeFile(uri(`${root}/folder/a.txt`), bytes("zwölf"));
      assert.equal((await fs.stat(uri(`${root}/folder/a.txt`))).size, 6);
      await fs.rename(uri(`${root}/folder/a.txt`), uri(`${root}/folder/b.txt`));
      assert.deepEqual(await fs.readDirectory(uri(`${root}/folder`)), [["b.txt", vscode.FileType.File]]);
      await assert.rejects(
        async () => fs.readFile(uri(`${root}/folder/a.txt`)),
        (error) => code(error) === "FileNotFound",
      );
      await fs.delete(uri(`${root}/folder`), { recursive: true });
      await assert.rejects(
        async () => fs.stat(uri(`${root}/folder`)),
        (error) => code(error) === "FileNotFound",
      );
    });

  test("of a running container are the ones that it sees", async () => {
    await fs.writeFile(uri("/containers/alive/seen.txt"), bytes("from the editor"));
    assert.equal(await berth("exec", "alive", "cat", "/seen.txt"), "from the editor");
    await fs.delete(uri("/containers/alive/seen.txt"));
  });

  test("of an image can be read, layer by layer, and not written", async () => {
    const id = (await berth("image", "inspect", "--format", "{{.Id}}", "sample")).replace("sha256:", "");
    assert.match(await read(`/images/${id}/all/www/built.txt`), /Built by Berth/);
    await assert.rejects(
      async () => fs.readFile(uri(`/images/${id}/1/www/built.txt`)),
      (error) => code(error) === "FileNotFound",
    );
    assert.equal((await fs.stat(uri(`/images/${id}/all/www/built.txt`))).permissions, vscode.FilePermission.Readonly);
    for (const change of [
      () => fs.writeFile(uri(`/images/${id}/all/www/new.txt`), bytes("x")),
      () => fs.delete(uri(`/images/${id}/all/www/built.txt`)),
      () => fs.rename(uri(`/images/${id}/all/www/built.txt`), uri(`/images/${id}/all/www/b.txt`)),
      () => fs.createDirectory(uri(`/images/${id}/1/folder`)),
    ])
      await assert.rejects(async () => change(), /Files of an image cannot be changed/);
  });

  test("of two layers, two images, and a container and its image are compared side by side", async () => {
    const id = (await berth("image", "inspect", "--format", "{{.Id}}", "sample")).replace("sha256:", "");
    const row = (path: string): Node => ({ ...property(path, path.split("/").at(-1)!, { context: "file", uri: uri(path) }), kind: "file" });
    const [layer, all, other] = [`/images/${id}/2/etc/passwd`, `/images/${id}/all/etc/passwd`, "/containers/still/etc/passwd"].map(row);
    for (const [left, right] of [
      [layer!, all!],
      [all!, other!],
    ] as const) {
      await vscode.commands.executeCommand("berth.file.compare", left, [left, right]);
      await diffShows(([modified, original]) => modified === left.uri!.path && original === right.uri!.path);
    }
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  test("of two images that differ are listed, and open as differences", async () => {
    const before = await rowAt("images", "sample:latest");
    await berth("commit", "still", "sample-two");
    await berth(
      "run",
      "--name",
      "changes",
      "sample",
      "sh",
      "-c",
      "echo changed >/www/built.txt; echo new >/www/new.txt; rm /www/index.html",
    );
    await berth("commit", "changes", "sample-two");
    const after = await rowAt("images", "sample-two:latest");
    let offered: string[] = [];
    const showQuickPick = async (items: vscode.QuickPickItem[]): Promise<vscode.QuickPickItem> => {
      offered = items.map(({ label }) => label);
      return items.find(({ label }) => label.endsWith("built.txt"))!;
    };
    await instead(
      { showQuickPick },
      async () => void (await vscode.commands.executeCommand("berth.image.compare", before, [before, after])),
    );
    const [gone, changed, made] = ["index.html", "built.txt", "new.txt"].map((name) =>
      offered.find((label) => label.endsWith(`/www/${name}`)),
    );
    assert.deepEqual(
      [gone, changed, made],
      ["$(diff-removed) /www/index.html", "$(diff-modified) /www/built.txt", "$(diff-added) /www/new.txt"],
    );
    await diffShows(([modified = ""]) => modified.endsWith("/www/built.txt"));
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await berth("rm", "changes");
    await berth("rmi", "sample-two");
  });

  test("are up- and downloaded as folders, with what may be executed", async () => {
    const { engine } = await inside();
    const from = vscode.Uri.file(join(scratch, "tree"));
    await fs.createDirectory(vscode.Uri.joinPath(from, "inner"));
    await fs.writeFile(vscode.Uri.joinPath(from, "inner/deep.txt"), bytes("deep"));
    const big = vscode.Uri.joinPath(from, "big.bin");
    writeFileSync(big.fsPath, "");
    truncateSync(big.fsPath, 3_000_001);
    await upload(engine, [from], uri("/volumes/kept"));
    assert.equal(await read("/volumes/kept/tree/inner/deep.txt"), "deep");
    assert.equal((await fs.stat(uri("/volumes/kept/tree/big.bin"))).size, 3_000_001);
    await berth("run", "--rm", "-v", "kept:/k", "busybox", "sh", "-c", "chmod 755 /k/tree/inner/deep.txt; ln -s .. /k/tree/inner/up");
    const to = join(scratch, "down");
    await fs.createDirectory(vscode.Uri.file(to));
    await answering([to], false, async () => void (await download(engine, [uri("/volumes/kept/tree")])));
    assert.equal(statSync(join(to, "tree/big.bin")).size, 3_000_001);
    assert.equal(statSync(join(to, "tree/inner/deep.txt")).mode & 0o111, 0o111);
    for (const folder of [from.fsPath, to]) rmSync(folder, { recursive: true });
    await fs.delete(uri("/volumes/kept/tree"), { recursive: true });
  });

  test("of what does not exist are not found", async () => {
    for (const path of ["/containers/nobody/etc", "/volumes/nothing/x", "/images/0000/all/x"])
      await assert.rejects(
        async () => fs.stat(uri(path)),
        (error) => code(error) === "FileNotFound",
        path,
      );
  });

  test("that are none, and folders that are files, are said to be", async () => {
    await fs.createDirectory(uri("/volumes/kept/with a -name"));
    await fs.writeFile(uri("/volumes/kept/with a -name/-ünïcode #?%20"), bytes("1"));
    assert.deepEqual(await fs.readDirectory(uri("/volumes/kept/with a -name")), [["-ünïcode #?%20", vscode.FileType.File]]);
    await assert.rejects(
      async () => fs.readFile(uri("/volumes/kept/with a -name")),
      (error) => code(error) === "FileIsADirectory",
    );
    await assert.rejects(
      async () => fs.readDirectory(uri("/volumes/kept/with a -name/-ünïcode #?%20")),
      (error) => code(error) === "FileNotADirectory",
    );
    await fs.delete(uri("/volumes/kept/with a -name"), { recursive: true });
  });

  test("list containers and volumes at the top", async () => {
    const names = async (path: string): Promise<string[]> => (await fs.readDirectory(uri(path))).map(([name]) => name);
    assert.deepEqual(await names("/"), ["containers", "volumes"]);
    assert.ok((await names("/volumes")).includes("kept"));
    assert.ok((await names("/containers")).includes("still"));
  });
});

suite("Tasks", () => {
  test("build and compose are offered", async () => {
    const builds = await vscode.tasks.fetchTasks({ type: "berth-build" });
    assert.ok(
      builds.some(({ name }) => name === "build Dockerfile"),
      builds.map(({ name }) => name).join(),
    );
  });

  test("a build task builds", async () => {
    const [task] = await vscode.tasks.fetchTasks({ type: "berth-build" });
    const ended = new Promise<void>((resolve) => {
      const subscription = vscode.tasks.onDidEndTask(({ execution }) => {
        if (execution.task.name !== task!.name) return;
        subscription.dispose();
        resolve();
      });
    });
    await vscode.tasks.executeTask(task!);
    await ended;
    assert.match(await berth("images", "--format", "{{.Repository}}"), /^sample$/m);
  });
});
