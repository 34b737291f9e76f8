/** The engine's files through the editor's file system, and what else the extension offers the editor. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { download, upload } from "../../../src/files/transfer.ts";
import { property } from "../../../src/tree/node.ts";
import type { Node } from "../../../src/tree/node.ts";
import { berth, inside, rowAt, scratch } from "./inside.ts";
import { answering, instead, until } from "./prompts.ts";

const { fs } = vscode.workspace;
/** Bytes of a big file. */
const BIG = Number(process.env["BERTH_TEST_BIG_FILE"] ?? 20_000_001);
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
    await berth("run", "-d", "--name", "alive", "-v", "kept:/kept", "busybox", "sleep", "1000");
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

  /** Nobody would choose them, and all of them may be there. */
  const NAMES = ["new\nline", "100%", "a#b?c&d", "%2F", "ünï ☃ 🐳", "-rf", "\"'$(x)`;", "back\\slash", " ends ", "berth:", "..."];
  for (const [what, root, within] of [
    ["a volume", "/volumes/kept", "/kept"],
    ["a running container", "/containers/alive/tmp", "/tmp"],
    ["a volume in a running container", "/containers/alive/kept", "/kept"],
  ] as const)
    test(`of ${what} with any name go there and back, with what may be executed`, async () => {
      const { engine } = await inside();
      const says = (script: string): Promise<string> => berth("exec", "alive", "sh", "-c", `cd ${within} && ${script}`);
      const [from, to] = [join(scratch, "odd"), join(scratch, "odd-back")];
      for (const folder of [join(from, "empty folder"), to]) mkdirSync(folder, { recursive: true });
      for (const name of NAMES) writeFileSync(join(from, name), name);
      writeFileSync(join(from, "run.sh"), "echo ran", { mode: 0o755 });
      await upload(engine, [vscode.Uri.file(from)], uri(root));
      assert.equal(await says("odd/run.sh; stat -c %a odd/run.sh"), "ran\n755");
      const odd = uri(`${root}/odd`);
      const listed = async (): Promise<string[]> => (await fs.readDirectory(odd)).map(([name]) => name).toSorted();
      assert.deepEqual(await listed(), [...NAMES, "empty folder", "run.sh"].toSorted());
      for (const name of NAMES) {
        const [file, moved] = [vscode.Uri.joinPath(odd, name), vscode.Uri.joinPath(odd, `${name}.2`)];
        assert.equal(new TextDecoder().decode(await fs.readFile(file)), name);
        await fs.writeFile(file, bytes("changed"));
        await fs.rename(file, moved);
        assert.equal(new TextDecoder().decode(await fs.readFile(vscode.Uri.parse(moved.toString(), true))), "changed");
      }
      await answering([to], false, async () => void (await download(engine, [odd])));
      assert.deepEqual(readdirSync(join(to, "odd")).toSorted(), [...NAMES.map((name) => `${name}.2`), "empty folder", "run.sh"].toSorted());
      assert.equal(statSync(join(to, "odd/run.sh")).mode & 0o777, 0o755);
      for (const name of NAMES) await fs.delete(vscode.Uri.joinPath(odd, `${name}.2`));
      assert.deepEqual(await listed(), ["empty folder", "run.sh"]);
      await fs.delete(odd, { recursive: true });
      for (const folder of [from, to]) rmSync(folder, { recursive: true });
    });

  test("of anybody, of any mode and any kind keep what they are", async () => {
    const says = (script: string): Promise<string> => berth("exec", "alive", "sh", "-c", `cd /kept && ${script}`);
    const kind = async (name: string): Promise<string> => says(`stat -c '%a %u %F' kinds/${name}`);
    await says(
      "mkdir kinds && cd kinds && echo 1 >shut && chown 1234:1234 shut && chmod 0 shut && echo 1 >root && chmod 4755 root && mkfifo pipe && " +
        "ln -s shut link && ln -s /etc/passwd away && ln -s nowhere broken && ln -s loop loop && mkdir -m 0 closed && echo in >closed/in && ln -s closed down",
    );
    const at = (name: string): string => `/volumes/kept/kinds/${name}`;
    const before = await kind("shut");
    assert.equal(await read(at("shut")), "1\n");
    await fs.writeFile(uri(at("link")), bytes("2"));
    assert.deepEqual([await read(at("shut")), await kind("shut")], ["2", before]);
    assert.equal(await read(at("closed/in")), "in\n");
    assert.deepEqual(await fs.readDirectory(uri(at("down"))), [["in", vscode.FileType.File]]);
    // A link leads where it would inside: a volume alone has no /etc.
    for (const name of ["away", "broken", "loop"]) await assert.rejects(async () => fs.readFile(uri(at(name))));
    assert.match(await read("/containers/alive/kept/kinds/away"), /^root:/);
    await assert.rejects(async () => fs.readFile(uri(at("pipe"))), /not a regular file/);
    await fs.delete(uri(at("down")), { recursive: true });
    assert.equal(await says("cat kinds/closed/in"), "in");
    // What is open is another file a moment later.
    const { mtime } = await fs.stat(uri(at("root")));
    await says("cd kinds && echo other >other && touch -d @1 other && mv other root");
    assert.notEqual((await fs.stat(uri(at("root")))).mtime, mtime);
    assert.equal(await read(at("root")), "other\n");
    await fs.delete(uri(at("")), { recursive: true });
    assert.equal(await says("ls"), "");
  });

  test("that break off on their way leave nothing half done", async () => {
    const { engine } = await inside();
    const [big, back] = [join(scratch, "big.bin"), join(scratch, "back")];
    mkdirSync(back);
    writeFileSync(big, "");
    truncateSync(big, BIG);
    const source = new vscode.CancellationTokenSource();
    const withProgress = async (_options: unknown, task: (...args: unknown[]) => unknown): Promise<unknown> =>
      task({ report: () => setImmediate(() => source.cancel()) }, source.token);
    const canceled = (work: () => Promise<unknown>): Promise<void> =>
      instead({ withProgress }, async () => void (await work().catch(() => {})));
    await canceled(() => upload(engine, [vscode.Uri.file(big)], uri("/volumes/kept")));
    const names = (await fs.readDirectory(uri("/volumes/kept"))).map(([name]) => name);
    if (names.includes("big.bin")) assert.equal((await fs.stat(uri("/volumes/kept/big.bin"))).size, BIG);
    await fs.writeFile(uri("/volumes/kept/big.bin"), new Uint8Array(BIG));
    assert.equal((await fs.readFile(uri("/volumes/kept/big.bin"))).length, BIG);
    await answering([back], false, () => canceled(() => download(engine, [uri("/volumes/kept/big.bin")])));
    assert.deepEqual(
      readdirSync(back).filter((name) => name !== "big.bin" || statSync(join(back, name)).size !== BIG),
      [],
    );
    await fs.delete(uri("/volumes/kept/big.bin"));
    rmSync(big);
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
