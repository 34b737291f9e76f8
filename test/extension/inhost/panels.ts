/** What a panel's page is told, and what it opens: the panel's own code with a page that is none. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { imagePage } from "../../../src/panels/image.ts";
import { logsPage } from "../../../src/panels/logs.ts";
import { statsPage } from "../../../src/panels/stats.ts";
import type { FromImagePage, StatsMark, ToImagePage, ToLogsPage, ToStatsPage } from "../../../webviews/protocol.ts";
import { berth, inside, scratch } from "./inside.ts";
import { until } from "./prompts.ts";
import { restored, serializerOf } from "./restored.ts";

suite("The Image panel", () => {
  const name = "layered:latest";
  let told: Extract<ToImagePage, { type: "layers" }> | undefined;
  let click: (message: FromImagePage) => void;

  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    const directory = join(scratch, "layered");
    mkdirSync(directory);
    writeFileSync(join(directory, "first.txt"), "1".repeat(100_000));
    writeFileSync(join(directory, "second.txt"), "2".repeat(50_000));
    writeFileSync(
      join(directory, "Dockerfile"),
      "FROM busybox\nCOPY first.txt /note.txt\nCOPY second.txt /note.txt\nCOPY second.txt /kept.txt\nRUN rm /note.txt\n",
    );
    await berth("build", "-q", "-t", name, directory);
    const id = await berth("inspect", "--format", "{{.Id}}", name);
    const channel = {
      say: async (message: ToImagePage) => void (message.type === "layers" && (told = message)),
      onMessage: (listener: typeof click) => void (click = listener),
      onClose: () => {},
      signal: new AbortController().signal,
    };
    await imagePage.serve(await inside(), { id, name }, channel);
  });
  suiteTeardown(async () => {
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await berth("rmi", name);
  });

  test("knows what is in the image more than once", () => {
    const { layers, wasted, wastedBytes, efficiency } = told!;
    assert.deepEqual(
      layers.slice(-4).map(({ files }) => files.map(({ kind, path, sizeBytes }) => `${kind} ${path} ${sizeBytes}`)),
      [["added /note.txt 100000"], ["changed /note.txt 50000"], ["added /kept.txt 50000"], ["removed /note.txt 0"]],
    );
    assert.match(layers.at(-1)!.instruction, /RUN .*rm \/note\.txt/);
    assert.deepEqual(wasted, [{ path: "/note.txt", sizeBytes: 150_000, times: 3 }]);
    const total = layers.flatMap(({ files }) => files).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.deepEqual([wastedBytes, efficiency], [150_000, (total - 150_000) / total]);
  });

  const first = (text: string): string => text.slice(0, 5);
  async function opens(kind: "added" | "changed" | "removed", layersBack: number): Promise<string[]> {
    const layer = told!.layers.length - layersBack;
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    click({ type: "open", kind, layer, path: "/note.txt" });
    const input = await until(() => vscode.window.tabGroups.activeTabGroup.activeTab?.input, vscode.window.tabGroups.onDidChangeTabs);
    const uris = input instanceof vscode.TabInputTextDiff ? [input.original, input.modified] : [(input as vscode.TabInputText).uri];
    return Promise.all(uris.map(async (uri) => first((await vscode.workspace.openTextDocument(uri)).getText())));
  }

  test("opens what was added", async () => assert.deepEqual(await opens("added", 3), ["11111"]));
  test("compares what was changed with what was there before", async () => assert.deepEqual(await opens("changed", 2), ["11111", "22222"]));
  test("shows what was removed as it was", async () => assert.deepEqual(await opens("removed", 0), ["22222"]));
});

suite("The Stats panel", () => {
  const closed = new AbortController();
  const marks: StatsMark[] = [];
  const told = new vscode.EventEmitter<void>();

  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    const say = async (message: ToStatsPage): Promise<void> => {
      if (message.type === "marks") told.fire(void marks.push(...message.marks));
    };
    const channel = { say, onMessage: () => {}, onClose: () => {}, signal: closed.signal };
    void statsPage.serve(await inside(), { ids: [], title: "all" }, channel);
  });
  suiteTeardown(() => closed.abort());

  const markedOf = (id: string): string[] => marks.flatMap((mark) => (mark.id === id ? [mark.action] : []));

  test("marks a restart and what a health check says, each once", async () => {
    const health = ["--health-cmd", "test -e /well", "--health-interval", "100ms", "--health-retries", "1"];
    const id = await berth("run", "-d", "--init", "--name", "sick", ...health, "busybox", "sleep", "1000");
    const own = (): string[] => markedOf(id);
    await until(() => own().includes("health_status: unhealthy"), told.event);
    const { containers } = await inside();
    await until(
      () => containers.nodes.some(({ shown }) => shown.spoken.startsWith("sick, running (unhealthy)")),
      containers.onDidChangeTreeData,
    );
    await berth("exec", "sick", "touch", "/well");
    await until(() => own().includes("health_status: healthy"), told.event);
    await berth("restart", "sick");
    await until(() => own().includes("restart"), told.event);
    await berth("rm", "-f", "sick");
    const times = (action: string): number => own().filter((each) => each === action).length;
    assert.deepEqual([own()[0], times("start"), times("restart")], ["start", 2, 1]);
  });

  test("marks a container that took more memory than it may", async function () {
    const id = await berth("create", "--memory", "16m", "busybox", "tail", "/dev/zero");
    const { HostConfig } = await (await (await inside()).engine.client()).containers.inspect(id);
    // Without root limits need a delegated cgroup.
    if (HostConfig.Memory) {
      await berth("start", id);
      await until(() => ["oom", "die"].every((action) => markedOf(id).includes(action)), told.event);
      assert.deepEqual(markedOf(id).toSorted(), ["die", "oom", "start"]);
    }
    await berth("rm", id);
    if (!HostConfig.Memory) this.skip();
  });
});

suite("Panels that come back after a reload", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    await berth("run", "-d", "--name", "back", "--init", "busybox", "sh", "-c", "echo printed; sleep 1000");
    mkdirSync(join(scratch, "come-back"));
    writeFileSync(join(scratch, "come-back/Dockerfile"), "FROM busybox\nRUN echo once >/once\n");
    await berth("build", "-q", "-t", "back:1", join(scratch, "come-back"));
  });

  test("show the same container, image and build with what was chosen, and say when those have gone", async () => {
    const { engine } = await inside();
    const client = await engine.client();
    const [container, image] = [await client.containers.inspect("back"), await client.images.inspect("back:1")];
    const build = (await client.buildRecords.list()).find(({ tags }) => tags.includes("back:1"))!;
    const kinds = [
      ["logs", { id: container.Id, name: "back" }, { text: "printed", times: true }, "lines", undefined],
      ["stats", { ids: [container.Id], title: "back" }, { minutes: 60 }, "samples", /back is no longer there: it was removed/],
      ["image", { id: image.Id, name: "back:1" }, { pattern: "once", open: ["layer-2"] }, "layers", /back:1 is no longer there/],
      ["build", { id: build.id, name: "back:1" }, { open: { "2": true } }, "steps", /back:1 is no longer there/],
    ] as const;
    for (const [kind, subject, view, content] of kinds) {
      const { said, close } = await restored(kind, { ...subject, view });
      assert.deepEqual((await said("init"))["state"], { ...subject, view });
      await said(content);
      close();
    }
    await berth("rm", "-f", "back");
    await berth("rmi", "back:1");
    await client.buildRecords.remove(build.id);
    for (const [kind, subject, view, , gone] of kinds) {
      if (!gone) continue;
      const { said, close } = await restored(kind, { ...subject, view });
      assert.match(String((await said("note"))["text"]), gone);
      close();
    }
  });

  test("of another version are closed", async () => {
    const closed: string[] = [];
    for (const state of [undefined, { of: "another version" }])
      await serializerOf("stats").then((serializer) =>
        serializer.deserializeWebviewPanel({ dispose: () => closed.push("stats") } as unknown as vscode.WebviewPanel, state),
      );
    assert.equal(closed.length, 2);
  });
});

suite("The Logs panel", () => {
  const closed = new AbortController();
  const told: ToLogsPage[] = [];
  const telling = new vscode.EventEmitter<void>();

  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    const id = await berth(
      "create",
      "--name",
      "printer",
      "busybox",
      "sh",
      "-c",
      "head -c 40000 /dev/zero | tr '\\0' x; echo; printf 'no end'",
    );
    await berth("start", "--attach", "printer");
    const say = async (message: ToLogsPage): Promise<void> => telling.fire(void told.push(message));
    const channel = { say, onMessage: () => {}, onClose: () => {}, signal: closed.signal };
    void logsPage.serve(await inside(), { id, name: "printer" }, channel);
    await until(() => told.some(({ type }) => type === "caughtUp"), telling.event);
  });
  suiteTeardown(async () => {
    closed.abort();
    await berth("rm", "-f", "printer");
  });

  test("shows a line that came in pieces as one, and a last line that does not end", () => {
    const lines = told.flatMap((message) => (message.type === "lines" ? message.lines.text.split("\n") : []));
    assert.deepEqual(
      lines.map((line) => line.slice(line.indexOf(" ") + 1)),
      ["x".repeat(40_000), "no end"],
    );
  });
});
