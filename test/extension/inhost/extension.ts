/** The extension inside VS Code's extension host: what it contributes, and what its commands do on a real engine. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import packageJson from "../../../package.json" with { type: "json" };
import { page } from "../../../scripts/page.ts";

const berth = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.env["BERTH_TEST_PROGRAM"]!, args)).stdout.trim();
const id = `${packageJson.publisher}.${packageJson.name}`;
const dockerfile = (): vscode.Uri => vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0]!.uri, "Dockerfile");

suite("Berth", () => {
  test("is there and activates within a moment", async () => {
    const extension = vscode.extensions.getExtension(id);
    assert.ok(extension, `${id} is not installed`);
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  test("registers every command that it contributes", async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = packageJson.contributes.commands.map(({ command }) => command).filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  test("describes every setting", () => {
    const settings = packageJson.contributes.configuration.flatMap(({ properties }) =>
      Object.entries<{ description?: string; markdownDescription?: string }>(properties),
    );
    assert.deepEqual(
      settings.filter(([, setting]) => !setting.description && !setting.markdownDescription),
      [],
    );
  });

  test("runs only where the workspace is", () => assert.deepEqual(packageJson.extensionKind, ["workspace"]));

  test("builds and runs the Dockerfile of the folder", async () => {
    await vscode.commands.executeCommand("berth.dockerfile.run", dockerfile());
    assert.match(await berth("ps", "--format", "{{.Image}} {{.State}}"), /^sample:latest running$/m);
    const address = await berth("port", "sample", "8080/tcp");
    assert.match(await page(`http://${address}`), /Berth works/);
  });

  test("runs it again in place of the first", async () => {
    const before = await berth("ps", "-q");
    await vscode.commands.executeCommand("berth.dockerfile.run", dockerfile());
    const after = await berth("ps", "-q");
    assert.equal(after.split("\n").length, 1);
    assert.notEqual(after, before);
  });

  test("stops the engine and starts it again", async () => {
    await berth("stop", "sample");
    await vscode.commands.executeCommand("berth.engine.stop");
    assert.equal(
      (
        JSON.parse(await berth("engine", "status", "--format", "json").catch((error: { stdout: string }) => error.stdout)) as {
          running: boolean;
        }
      ).running,
      false,
    );
    await vscode.commands.executeCommand("berth.engine.start");
    assert.equal(await berth("ps", "-q"), "");
    assert.match(await berth("ps", "-a", "--format", "{{.Names}} {{.State}}"), /^sample exited$/m);
  });
});
