/** The views' rows: groups, order, filters, switches, and files dropped on them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { FileDrops } from "../../../src/files/drops.ts";
import { berth, ends, having, inside, labels, rowAt, rows, scratch, shell } from "./inside.ts";
import { run, until } from "./prompts.ts";

const folder = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri;
const COMPOSE = `name: fleet
services:
  web: { image: busybox, command: sleep 1000, init: true, stop_grace_period: 0s }
  debug: { image: busybox, command: sleep 1000, profiles: [tools] }
`;

suite("Views", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    for (const [name, team] of [
      ["b2", "blue"],
      ["b10", "blue"],
      ["r1", "red"],
    ] as const)
      await berth("create", "--name", name, "--label", `team=${team}`, "busybox", "true");
    await berth("tag", "busybox", "dangling:soon");
    await berth("commit", "b2", "dangling:soon");
    await berth("commit", "r1", "dangling:soon");
  });

  suiteTeardown(async () => {
    await berth("rm", "-f", "b2", "b10", "r1");
    await vscode.workspace.fs.delete(vscode.Uri.joinPath(folder(), "compose.yaml"));
  });

  for (const [groupBy, want] of [
    ["label:team", ["blue", "red"]],
    ["state", ["created"]],
    ["image", ["busybox"]],
    ["none", ["b10", "b2", "r1"]],
  ] as const)
    test(`containers are grouped by ${groupBy}`, async () => {
      const found = await having("containers.groupBy", groupBy, async () => labels(await rows("containers")));
      assert.deepEqual(found.filter((label) => (want as readonly string[]).includes(label)).toSorted(), want);
    });

  test("numbers in names are sorted as numbers", async () => {
    const found = await having("containers.groupBy", "none", async () =>
      having("containers.sortBy", "name", async () => labels(await rows("containers"))),
    );
    assert.deepEqual(
      found.filter((label) => /^b\d/.test(label)),
      ["b2", "b10"],
    );
  });

  test("a filter takes words in any order", async () => {
    const { containers } = await inside();
    containers.filter = "busybox b10";
    assert.deepEqual(labels(await having("containers.groupBy", "none", () => rows("containers"))), ["b10"]);
    containers.filter = "";
  });

  test("a filter is kept for the folder, and clearing it forgets it", async () => {
    const { containers, extension } = await inside();
    const kept = (): string | undefined => extension.workspaceState.get("filter:containers");
    const narrowed: unknown[] = [];
    const subscription = containers.onDidNarrow((what) => narrowed.push(what));
    containers.filter = "no such words";
    assert.equal(kept(), "no such words");
    await rows("containers");
    assert.deepEqual(narrowed.at(-1), { filter: "no such words", found: 0 });
    await run("containers.clearFilter");
    assert.deepEqual([kept(), containers.filter, narrowed.at(-1)], [undefined, "", { filter: "", found: undefined }]);
    subscription.dispose();
  });

  test("untagged images are shown when asked for", async () => {
    // Whatever other tests have left, of which some may be in use.
    const unused = async (): Promise<number> => {
      const found = await having("images.groupBy", "none", () => rows("images"));
      return found.filter(({ shown }) => /^image;untagged(?!.*;used)/.test(shown.context)).length;
    };
    assert.equal(await having("images.hideUnused", true, unused), 0);
    assert.ok((await having("images.hideUnused", false, unused)) > 0);
  });

  test("a project of the folder has its services and profiles, and says what up would change", async () => {
    const file = vscode.Uri.joinPath(folder(), "compose.yaml");
    await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(COMPOSE));
    const { projects } = await inside();
    await until(async () => labels(await rows("projects")).includes("fleet"), projects.onDidChangeTreeData);
    assert.deepEqual(labels(await rows("projects", await rowAt("projects", "fleet"))), ["web", "tools"]);
    assert.deepEqual(labels(await rows("projects", await rowAt("projects", "fleet", "tools"))), ["debug"]);
    const offered = await vscode.tasks.fetchTasks({ type: "berth-compose" });
    const named = (word: string): vscode.Task => offered.find(({ name }) => name.includes(word))!;
    assert.equal(await ends(named("up")), 0);
    assert.match(await berth("ps", "--format", "{{.Names}} {{.State}}"), /^fleet-web-1 running$/m);
    await until(async () => /running/.test((await rowAt("projects", "fleet", "web")).shown.description), projects.onDidChangeTreeData);
    assert.doesNotMatch((await rowAt("projects", "fleet", "web")).shown.description, /recreate/);
    await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(COMPOSE.replace("sleep 1000, init", "sleep 2000, init")));
    await until(
      async () => /needs to be recreated/.test((await rowAt("projects", "fleet", "web")).shown.description),
      projects.onDidChangeTreeData,
    );
    assert.equal(await ends(named("down")), 0);
    assert.doesNotMatch(await berth("ps", "-a", "--format", "{{.Names}}"), /fleet/);
  });

  /** A compose command's task, run to its end. */
  async function composes(command: string, ...args: unknown[]): Promise<void> {
    const ended = new Promise<number | undefined>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
        if (execution.task.definition.type === "berth-compose") resolve((subscription.dispose(), exitCode));
      });
    });
    await run(command, args);
    assert.equal(await ended, 0, command);
  }

  test("a file of the explorer goes up with its override, and verbs work on one service", async () => {
    const file = vscode.Uri.joinPath(folder(), "compose.yaml");
    const override = vscode.Uri.joinPath(folder(), "compose.override.yaml");
    const web = '{{.State.Status}} {{index .Config.Labels "from"}}';
    await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(COMPOSE));
    await vscode.workspace.fs.writeFile(override, new TextEncoder().encode("services: { web: { labels: { from: override } } }\n"));
    await composes("compose.create", file, [file]);
    assert.equal(await berth("inspect", "--format", web, "fleet-web-1"), "created override");
    await composes("compose.upBuild", file, [file]);
    assert.equal(await berth("inspect", "--format", web, "fleet-web-1"), "running override");
    await until(
      async () => /1 of/.test((await rowAt("projects", "fleet")).shown.description),
      (await inside()).projects.onDidChangeTreeData,
    );
    const service = await rowAt("projects", "fleet", "web");
    await composes("compose.stop", service);
    assert.match(await berth("inspect", "--format", web, "fleet-web-1"), /^exited/);
    await composes("compose.start", service);
    assert.match(await berth("inspect", "--format", web, "fleet-web-1"), /^running override/);
    await composes("compose.down", await rowAt("projects", "fleet"));
    assert.doesNotMatch(await berth("ps", "-a", "--format", "{{.Names}}"), /fleet/);
    await vscode.workspace.fs.delete(override);
  });

  test("files dropped on a container are copied there", async () => {
    const path = join(scratch, "dropped.txt");
    writeFileSync(path, "dropped");
    const data = new vscode.DataTransfer();
    data.set("text/uri-list", new vscode.DataTransferItem(vscode.Uri.file(path).toString()));
    const target = await having("containers.groupBy", "none", () => rowAt("containers", "b2"));
    await new FileDrops(await inside(), "containers").handleDrop(target, data);
    const copied = await vscode.workspace.fs.readFile(vscode.Uri.from({ scheme: "berth", path: "/containers/b2/dropped.txt" }));
    assert.equal(new TextDecoder().decode(copied), "dropped");
  });

  test("a folder and a file without an address dropped on a volume are copied there", async () => {
    await berth("volume", "create", "dropped");
    const target = await rowAt("volumes", "dropped");
    const drops = new FileDrops(await inside(), "volumes");
    mkdirSync(join(scratch, "parcel/deep"), { recursive: true });
    writeFileSync(join(scratch, "parcel/deep/a.txt"), "a");
    const named = new vscode.DataTransfer();
    named.set("text/uri-list", new vscode.DataTransferItem(vscode.Uri.file(join(scratch, "parcel")).toString()));
    await drops.handleDrop(target, named);
    const content = { name: "nameless.txt", data: async () => new TextEncoder().encode("b") };
    const nameless = {
      get: () => undefined,
      *[Symbol.iterator]() {
        yield ["files", { asFile: () => content }];
      },
    };
    await drops.handleDrop(target, nameless as unknown as vscode.DataTransfer);
    const read = async (path: string): Promise<string> =>
      new TextDecoder().decode(await vscode.workspace.fs.readFile(vscode.Uri.from({ scheme: "berth", path: `/volumes/dropped/${path}` })));
    assert.deepEqual([await read("parcel/deep/a.txt"), await read("nameless.txt")], ["a", "b"]);
    await berth("volume", "rm", "dropped");
  });

  test("names that somebody else's containers bear are words, whatever is in them", async () => {
    const trace = join(scratch, "run-by-berth");
    const hostile = [`"; rm -rf ~; $(touch ${trace})\n🐳 [x](command:berth.engine.stop)`, "--volumes"];
    for (const [at, name] of hostile.entries()) {
      const labels = [`com.docker.compose.project=${name}`, `com.docker.compose.service=${name}`].flatMap((label) => ["--label", label]);
      await berth("create", "--name", `hostile-${at}`, ...labels, "--env", `X=${name}`, "busybox", "true");
    }
    const { containers, projects, said } = await inside();
    const nodes = (await containers.fresh()).filter(({ shown }) => shown.label.startsWith("hostile-"));
    assert.equal(nodes.length, hostile.length);
    for (const node of nodes) {
      const { tooltip } = containers.resolveTreeItem(containers.getTreeItem(node), node);
      assert.ok(!(tooltip instanceof vscode.MarkdownString) || !tooltip.isTrusted);
      await rows("containers", node);
    }
    const tasks = vscode.tasks as { executeTask: unknown };
    const { executeTask } = tasks;
    // Compose itself refuses such names: what it is called with is enough.
    const called: string[][] = [];
    tasks.executeTask = async ({ execution }: vscode.Task) => void called.push((execution as vscode.ProcessExecution).args);
    try {
      for (const name of hostile) {
        const [service] = await rows(
          "projects",
          (await projects.fresh()).find((node) => node.project === name)!,
        );
        await run("compose.stop", [service]);
        // What is said of it is the same words again in a shell.
        const words = await shell(said[0]!.replace(/^berth/, "printf '%s|'"));
        assert.equal(called.at(-1)!.at(-1), name);
        assert.equal(words, `compose|--project-name|${name}|stop|${name.startsWith("-") ? "--|" : ""}${name}|`);
      }
    } finally {
      tasks.executeTask = executeTask;
    }
    assert.ok(!existsSync(trace));
    await berth("rm", ...nodes.map(({ shown }) => shown.label));
  });

  test("a setting takes effect at once", async () => {
    const { containers } = await inside();
    const changed = new Promise<void>((resolve) => {
      const subscription = containers.onDidChangeTreeData(() => resolve(subscription.dispose()));
    });
    await having("containers.sortBy", "created", () => changed);
  });

  test("a thousand containers are listed and read again in a moment", async () => {
    const { containers } = await inside();
    const one = containers.nodes[0] ?? (await containers.fresh())[0]!;
    const many = Array.from({ length: 1000 }, (_, index) => ({
      ...one,
      shown: { ...one.shown, id: `many ${index}`, label: `many-${index}` },
    }));
    const { arrange } = await import("../../../src/tree/arrange.ts");
    const started = process.cpuUsage();
    const items = arrange(many, containers.noun, { filter: "", groupBy: "project", sortBy: "name" }).map((node) =>
      containers.getTreeItem(node),
    );
    const { user, system } = process.cpuUsage(started);
    const took = (user + system) / 1000;
    console.log(`[berth]  1,000 rows in ${took.toFixed(0)} ms`);
    assert.equal(items.length, 1000);
    assert.ok(took < 10_000, `It took ${took.toFixed(0)} ms`);
  });
});
