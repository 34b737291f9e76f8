/** Escape at each question of each command that asks several: no error, no further question, and everything is as it was. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { berth, inside, labels, rowAt, rows, scratch } from "./inside.ts";
import { run } from "./prompts.ts";
import type { Answer } from "./prompts.ts";

const file = (name: string): string => join(scratch, name);
const uri = (name: string) => (): unknown[] => [vscode.Uri.file(file(name))];
const row =
  (...path: Parameters<typeof rowAt>) =>
  async (): Promise<unknown[]> => [await rowAt(...path)];
const none = (): unknown[] => [];

/** What each would ask if all but the last question were answered. */
const ASKED: readonly [command: string, args: () => unknown[] | Promise<unknown[]>, answers: Answer[]][] = [
  ["container.create", none, ["busybox", "made"]],
  ["container.rename", () => ["escaping"], ["other"]],
  ["container.update", () => ["escaping"], ["64m", "0.5", "always"]],
  ["container.commit", () => ["escaping"], ["made:here"]],
  ["container.exec", none, ["escaping", "touch /seen"]],
  ["container.connect", none, [["escaping"], "bridge"]],
  ["container.disconnect", () => ["escaping"], [["bridge"], "Disconnect"]],
  ["container.remove", none, [["escaping"], "Remove"]],
  ["container.export", () => ["escaping"], [file("never.tar")]],
  ["container.signal", none, ["escaping", "SIGTERM"]],
  ["image.tag", () => ["busybox:latest"], ["made:here"]],
  ["image.pull", none, ["localhost:1/none"]],
  ["image.pullFor", () => ["busybox:latest"], ["linux/arm64"]],
  ["image.import", none, ["made:here", file("never.tar")]],
  ["image.save", row("images", "busybox"), [file("never.tar")]],
  ["image.prune", none, ["All images", "Remove"]],
  ["volume.create", none, ["made"]],
  ["volume.restore", () => ["escaped"], ["Replace", file("never.tar")]],
  ["volume.backUp", none, ["escaped", file("never.tar")]],
  ["volume.prune", none, ["Remove"]],
  ["file.new", row("volumes", "escaped"), ["made"]],
  ["file.upload", row("volumes", "escaped"), [[file("never.tar")]]],
  ["network.create", none, ["made", "10.78.0.0/24", "Internal"]],
  ["network.connect", row("networks", "escapes"), [["escaping"]]],
  ["network.prune", none, ["Remove"]],
  ["registry.connect", none, ["Another", "localhost:1", "me", "secret"]],
  ["registry.connect", none, ["GitHub", "me", "secret"]],
  ["endpoint.create", none, ["TCP with TLS", "tcp://127.0.0.1:1", "made", file("certificates")]],
  ["endpoint.update", row("endpoints", "escape-to"), ["tcp://127.0.0.1:2", "Elsewhere"]],
  ["endpoint.export", row("endpoints", "escape-to"), [file("never.dockercontext")]],
  ["endpoint.import", none, [file("never.dockercontext"), "made"]],
  ["endpoint.remove", none, ["escape-to", "Remove"]],
  ["workspace.addFiles", uri("empty"), ["Node.js", "8099", "With a compose file"]],
  ["dockerfile.build", uri("context/Dockerfile"), ["made:here"]],
  ["dockerfile.buildWith", uri("context/Dockerfile"), ["made:here", "first", [], "WHO=me", []]],
  ["compose.upSelect", uri("context/compose.yaml"), [["web"]]],
  ["compose.run", uri("context/compose.yaml"), ["web", "true"]],
  ["compose.scale", uri("context/compose.yaml"), ["web", "2"]],
  ["compose.downVolumes", uri("context/compose.yaml"), ["Remove"]],
  ["system.prune", none, [["Build cache"], "Prune"]],
];

/** All that a command could have changed. */
async function everything(): Promise<unknown> {
  const { engine, extension } = await inside();
  const { containers, images, networks, volumes } = await engine.client();
  return {
    containers: (await containers.list({ all: true })).map(({ Id, Names, State, NetworkSettings }) => [
      Id,
      Names,
      State,
      Object.keys(NetworkSettings.Networks),
    ]),
    images: (await images.list({})).map(({ Id, RepoTags }) => [Id, RepoTags]),
    networks: (await networks.list({})).map(({ Name }) => Name).toSorted(),
    volumes: (await volumes.list({})).map(({ Name }) => Name).toSorted(),
    endpoints: labels(await rows("endpoints")),
    registries: labels(await rows("registries")),
    remembered: [extension.workspaceState, extension.globalState].map((state) => state.keys().map((key) => [key, state.get(key)])),
    tasks: vscode.tasks.taskExecutions.length,
    files: (await vscode.workspace.fs.readDirectory(vscode.Uri.file(file("empty")))).length,
  };
}

suite("Escape", () => {
  suiteSetup(async () => {
    await vscode.commands.executeCommand("berth.engine.start");
    for (const name of ["context", "empty", "certificates"]) mkdirSync(file(name));
    writeFileSync(file("context/Dockerfile"), "FROM busybox AS first\nARG WHO\nFROM busybox\n");
    writeFileSync(file("context/compose.yaml"), "services: { web: { image: busybox }, other: { image: busybox } }\n");
    await berth("run", "-d", "--name", "escaping", "busybox", "sleep", "1000");
    await berth("network", "create", "escapes");
    await berth("volume", "create", "escaped");
    await berth("context", "create", "escape-to", "--docker", "host=tcp://127.0.0.1:1");
  });
  suiteTeardown(async () => {
    await berth("rm", "-f", "escaping");
    await berth("network", "rm", "escapes");
    await berth("volume", "rm", "escaped");
    await berth("context", "rm", "escape-to");
  });

  for (const [command, args, answers] of ASKED)
    test(`at each question of ${command}, of which there are ${answers.length}`, async () => {
      const before = await everything();
      for (const [at] of answers.entries()) await run(command, await args(), [...answers.slice(0, at), undefined]);
      assert.deepEqual(await everything(), before);
    });
});
