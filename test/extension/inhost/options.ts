/** Containers with options: run forms that are saved, containers that are made anew, several rows at once, and what errors offer. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as vscode from "vscode";
import type { ContainerInspect } from "../../../engine/api/types/container.ts";
import { recreate, runSpec, saveSpec, savedSpecs } from "../../../src/run/run.ts";
import { EMPTY_SPEC, specOf } from "../../../src/run/spec.ts";
import { berth, ends, having, inside, rowAt, rows, scratch, shell } from "./inside.ts";
import { answering, instead, run, until } from "./prompts.ts";

const inspect = async (name: string): Promise<ContainerInspect> => (await (await inside()).engine.client()).containers.inspect(name);
const all = (): Promise<string> => berth("ps", "-a", "--format", "{{.Names}}");
const endless = "sh -c 'trap exit TERM; sleep 1000 & wait'";

suite("Edit and recreate", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    for (const network of ["front", "back"]) await berth("network", "create", network);
    const options = [
      "--network",
      "front",
      "--network-alias",
      "db",
      "--label",
      "a=b",
      "-e",
      "X=1",
      "--cap-add",
      "NET_ADMIN",
      "--memory",
      "32m",
    ];
    const mounts = ["-v", "named:/named", "-v", "/nameless", "--mount", "type=volume,source=third,target=/third,readonly"];
    await berth("run", "-d", "--name", "kept", ...options, ...mounts, "busybox", "sh", "-c", "trap exit TERM; sleep 1000 & wait");
    await berth("network", "connect", "--alias", "second", "back", "kept");
    await berth("exec", "kept", "sh", "-c", "echo 1 >/named/a; echo 2 >/nameless/b");
  });
  suiteTeardown(async () => {
    await berth("rm", "-f", "-v", "kept");
    for (const network of ["front", "back"]) await berth("network", "rm", network);
    await berth("volume", "rm", "named", "third");
  });

  test("keeps volumes, networks and everything that the form does not show", async () => {
    const before = await inspect("kept");
    await answering([], false, async () => recreate(await inside(), before.Id, { ...specOf(before), memory: "48m", environment: ["X=2"] }));
    const after = await inspect("kept");
    assert.notEqual(after.Id, before.Id);
    // Without root limits need a delegated cgroup; where there is none they are discarded, as by docker.
    const memory = before.HostConfig.Memory ? 48 * 1024 ** 2 : 0;
    assert.deepEqual([after.HostConfig.Memory, after.State.Running, after.Config.Labels?.["a"]], [memory, true, "b"]);
    assert.deepEqual(after.HostConfig.CapAdd, before.HostConfig.CapAdd);
    assert.ok(after.Config.Env?.includes("X=2") && !after.Config.Env.includes("X=1"));
    const places = ({ Mounts }: ContainerInspect): string[] =>
      Mounts.map(({ Name, Destination, RW }) => `${Name} ${Destination} ${RW}`).toSorted();
    assert.deepEqual(places(after), places(before));
    assert.equal(await berth("exec", "kept", "cat", "/named/a", "/nameless/b"), "1\n2");
    const aliases = (network: string): string[] => after.NetworkSettings.Networks[network]?.Aliases ?? [];
    assert.ok(aliases("front").includes("db") && aliases("back").includes("second"));
    assert.equal((await all()).split("\n").filter((name) => name.startsWith("kept")).length, 1);
  });

  test("to another network leaves the first and keeps the others", async () => {
    const before = await inspect("kept");
    await berth("network", "create", "side");
    await answering([], false, async () => recreate(await inside(), before.Id, { ...specOf(before), network: "side" }));
    assert.deepEqual(Object.keys((await inspect("kept")).NetworkSettings.Networks).toSorted(), ["back", "side"]);
    await answering([], false, async () => recreate(await inside(), "kept", { ...specOf(await inspect("kept")), network: "front" }));
    await berth("network", "rm", "side");
  });

  test("of one that goes when it stops keeps what is in it, also when that fails", async () => {
    await berth("run", "-d", "--rm", "--init", "--name", "passing", "-v", "/nameless", "-p", "127.0.0.1:0:80", "busybox", "sleep", "1000");
    await berth("exec", "passing", "sh", "-c", "echo 3 >/nameless/c");
    const change = async (ports: string[], environment: string[]): Promise<void> => {
      const before = await inspect("passing");
      await recreate(await inside(), before.Id, { ...specOf(before), ports, environment });
    };
    await answering([], false, () => change(["127.0.0.1:0:80"], ["Y=1"]));
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    await assert.rejects(
      answering([], false, () => change([`127.0.0.1:${(taken.address() as AddressInfo).port}:80`], ["Y=2"])),
      /port|address already in use/,
    );
    taken.close();
    const after = await inspect("passing");
    assert.ok(after.State.Running && after.HostConfig.AutoRemove && after.Config.Env?.includes("Y=1"));
    assert.equal(await berth("exec", "passing", "cat", "/nameless/c"), "3");
    assert.equal((await all()).split("\n").filter((name) => name.startsWith("passing")).length, 1);
    await berth("rm", "-f", "passing");
  });

  test("that fails leaves the container as it was", async () => {
    const before = await inspect("kept");
    const wrong = { ...specOf(before), mounts: ["named:/named", "/no/such/folder/at/all:/x"], image: "nosuch:image" };
    await assert.rejects(recreate(await inside(), before.Id, wrong), /No such image/i);
    const after = await inspect("kept");
    assert.deepEqual([after.Id, after.State.Running], [before.Id, true]);
  });
});

suite("Saved options", () => {
  const spec = { ...EMPTY_SPEC, image: "busybox", name: "saved-one", command: endless, environment: ["A=1"] };
  const offered = async (): Promise<string[]> => (await vscode.tasks.fetchTasks({ type: "berth-run" })).map(({ name }) => name);

  test("are run again, by name and as a task", async () => {
    await answering(["mine"], false, async () => saveSpec(await inside(), spec));
    await run("run.saved", [], ["mine"]);
    assert.deepEqual(
      (await inspect("saved-one")).Config.Env?.filter((entry) => entry === "A=1"),
      ["A=1"],
    );
    await berth("rm", "-f", "saved-one");
    assert.ok((await offered()).includes("run mine"));
    const [task] = (await vscode.tasks.fetchTasks({ type: "berth-run" })).filter(({ name }) => name === "run mine");
    await ends(task!);
    assert.match(await all(), /^saved-one$/m);
    await berth("rm", "-f", "saved-one");
  });

  test("are edited and forgotten", async () => {
    await run("run.editSaved", ["mine"]);
    const open = ({ label }: vscode.Tab): boolean => label === "Run busybox";
    await until(() => vscode.window.tabGroups.all.some(({ tabs }) => tabs.some(open)), vscode.window.tabGroups.onDidChangeTabs);
    await answering(["mine"], false, async () => saveSpec(await inside(), { ...spec, memory: "64m" }, "mine"));
    assert.equal(savedSpecs(await inside())["mine"]?.memory, "64m");
    await run("run.forget", [], ["mine"]);
    assert.ok(!(await offered()).includes("run mine"));
    const { errors } = await run("run.saved", ["mine"], [], true);
    assert.match(errors.join(), /No options are saved as mine/);
  });

  test("that are wrong are refused in words", async () => {
    await assert.rejects(runSpec(await inside(), { ...spec, ports: ["a:b"] }), /"a:b" is no port/);
    await berth("create", "--name", "saved-one", "busybox");
    const before = (await all()).split("\n").length;
    await assert.rejects(runSpec(await inside(), spec), /name "\/saved-one" is already in use/);
    assert.equal((await all()).split("\n").length, before);
    await berth("rm", "saved-one");
  });
});

suite("Equivalent commands", () => {
  /** All that is offered for a row. */
  async function offers(command: string, ...args: unknown[]): Promise<string[]> {
    let labels: string[] = [];
    const showQuickPick = async (items: vscode.QuickPickItem[]): Promise<undefined> => void (labels = items.map(({ label }) => label));
    await instead({ showQuickPick }, async () => void (await vscode.commands.executeCommand(`berth.${command}`, ...args)));
    return labels;
  }
  const found = (lines: readonly string[], verb: string): string => lines.find((line) => line.startsWith(`berth ${verb}`))!;

  test("of a container work in a shell, and make the same container", async () => {
    const options = [
      "-e",
      'TEXT=it\'s "so" $HOME',
      "-l",
      "a=b c",
      "-p",
      "127.0.0.1:0:80",
      "-v",
      "pasted:/v",
      "--cap-add",
      "NET_ADMIN",
      "--entrypoint",
      "sh",
    ];
    await berth("run", "-d", "--name", "pasted", ...options, "busybox", "-c", 'echo "$TEXT"; trap exit TERM; sleep 1000 & wait');
    const lines = await offers("container.copyCommand", "pasted");
    const before = await inspect("pasted");
    for (const verb of ["inspect", "diff", "top", "commit", "export", "cp", "port", "restart", "pause"]) await shell(found(lines, verb));
    await shell(found(await offers("container.copyCommand", "pasted"), "unpause"));
    await shell(found(lines, "exec").replace("-it ", "").replace(/sh$/, "true"));
    await shell(found(lines, "rm"));
    await shell(found(lines, "run"));
    const after = await inspect("pasted");
    for (const what of ["Env", "Cmd", "Entrypoint", "Labels"] as const) assert.deepEqual(after.Config[what], before.Config[what], what);
    for (const what of ["CapAdd", "Binds"] as const) assert.deepEqual(after.HostConfig[what], before.HostConfig[what], what);
    const logs = found(lines, "logs").replace("--follow ", "");
    // It has been started, and prints a moment later.
    assert.equal(await shell(`until ${logs} | grep HOME; do sleep 0.05; done`), 'it\'s "so" $HOME');
    await berth("rm", "-f", "pasted");
    await shell(found(await offers("volume.copyCommand", "pasted"), "volume inspect"));
    await shell(found(await offers("volume.copyCommand", "pasted"), "volume rm"));
    const image = await offers("image.copyCommand", "pasted:latest");
    await shell(`berth rm ${await shell(found(image, "create"))}`);
    for (const verb of ["history", "inspect", "save", "rmi"]) await shell(found(image, verb));
    await berth("network", "create", "pasted-net");
    const network = await offers("network.copyCommand", "pasted-net");
    for (const verb of ["network inspect", "network rm"]) await shell(found(network, verb));
  });
});

suite("Several rows at once", () => {
  test("three containers go with one question", async () => {
    for (const name of ["m1", "m2", "m3"]) await berth("create", "--name", name, "busybox");
    const chosen = (await having("containers.groupBy", "none", () => rows("containers"))).filter(({ shown }) => /^m\d$/.test(shown.label));
    await run("container.remove", [chosen[0], chosen], ["Remove"]);
    assert.doesNotMatch(await all(), /^m\d$/m);
  });

  test("one that cannot go does not keep the others", async () => {
    for (const name of ["v1", "v2"]) await berth("volume", "create", name);
    await berth("create", "--name", "holder", "-v", "v1:/v", "busybox");
    const chosen = [await rowAt("volumes", "v1"), await rowAt("volumes", "v2")];
    const { errors, actions } = await run("volume.remove", [chosen[0], chosen], ["Remove"], true);
    assert.match(errors.join(), /volume is in use/);
    assert.deepEqual(actions, ["Remove That Container"]);
    assert.doesNotMatch(await berth("volume", "ls", "-q"), /^v2$/m);
    await berth("rm", "holder");
    await berth("volume", "rm", "v1");
  });
});

suite("Errors", () => {
  suiteSetup(async () => {
    for (const name of ["taken", "other"]) await berth("create", "--name", name, "busybox");
  });
  suiteTeardown(async () => void (await berth("rm", "taken", "other")));

  const cases: [string, string, unknown[], (string | undefined)[], RegExp, string][] = [
    ["a name that is taken", "container.rename", ["other"], ["taken"], /"\/taken" is already in use by container/, "Remove That Container"],
    ["an image in use", "image.remove", ["busybox:latest"], ["Remove"], /is using its referenced image/, "Remove That Container"],
    ["a subnet that is none", "network.create", [], ["bad", "10.1.2/99", "Open"], /invalid|subnet|CIDR/i, "Show Log"],
    ["an image that is nowhere", "image.pull", ["127.0.0.1:1/no/where:1"], [], /127\.0\.0\.1:1/, "Show Log"],
    ["a container that does not run", "container.top", ["other"], [], /not running/, "Start It"],
  ];
  for (const [name, command, args, answers, message, action] of cases)
    test(`of ${name} are a sentence and a button`, async () => {
      const said = await run(command, args, answers, true);
      assert.match(said.errors.join(), message);
      assert.deepEqual(said.actions, [action]);
    });

  test("of an engine that is not there lead to another", async () => {
    const { engine } = await inside();
    const dead = `unix://${join(scratch, "nobody.sock")}`;
    await having("endpoint", dead, async () => {
      await until(() => engine.state.kind === "failed", engine.onDidChangeState);
      const said = await run("container.start", [], [], true);
      assert.match(said.errors.join(), /Cannot connect to the Docker daemon at unix:/);
      assert.deepEqual(said.actions, ["Choose an Endpoint"]);
    });
    await until(() => engine.state.kind === "running", engine.onDidChangeState);
  });
});
