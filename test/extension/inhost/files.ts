/** The engine's files through the editor's file system, and what else the extension offers the editor. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";

const berth = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.env["BERTH_TEST_PROGRAM"]!, args)).stdout.trim();
const { fs } = vscode.workspace;
const uri = (path: string): vscode.Uri => vscode.Uri.from({ scheme: "berth", path });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = async (path: string): Promise<string> => new TextDecoder().decode(await fs.readFile(uri(path)));
const code = (error: unknown): string => (error as vscode.FileSystemError).code;

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
    await assert.rejects(async () => fs.writeFile(uri(`/images/${id}/all/www/new.txt`), bytes("x")));
  });

  test("of what does not exist are not found", async () => {
    for (const path of ["/containers/nobody/etc", "/volumes/nothing/x", "/images/0000/all/x"])
      await assert.rejects(
        async () => fs.stat(uri(path)),
        (error) => code(error) === "FileNotFound",
        path,
      );
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
