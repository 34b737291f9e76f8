/** The same views on other endpoints: Debian's dockerd; and a registry. Each is skipped by name where it is missing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import * as vscode from "vscode";
import { berth, having, inside, labels, rowAt, rows, scratch, shell, untilHeeds } from "./inside.ts";
import { refusals } from "./foreign.ts";
import { run, until } from "./prompts.ts";
import { restored } from "./restored.ts";
import type { Answer } from "./prompts.ts";

const needs = (name: string): string => process.env[name] ?? "";

async function use(endpoint: string | undefined): Promise<void> {
  const { engine } = await inside();
  await vscode.workspace.getConfiguration("berth").update("endpoint", endpoint, vscode.ConfigurationTarget.Global);
  await until(() => engine.state.kind === "running" && engine.endpoint === (endpoint ?? ""), engine.onDidChangeState);
}

/** What is asked of each endpoint. @param how to reach it with the command; the label of its row */
function theViews(how: () => readonly string[], label: () => string): void {
  const there = (...args: string[]): Promise<string> => berth(...how(), ...args);

  test("list what is there, and follow it", async () => {
    const { containers } = await inside();
    assert.deepEqual(labels(await rows("containers")), []);
    await there("volume", "create", "far");
    await there("create", "--name", "distant", "-v", "far:/far", "busybox", "true");
    await until(() => containers.nodes.some(({ shown }) => shown.label === "distant"), containers.onDidChangeTreeData);
    assert.ok(labels(await rows("networks")).includes("bridge"));
    assert.match((await rowAt("volumes", "far")).shown.description, /distant/);
    assert.match((await rowAt("images", "busybox")).shown.context, /^image;tagged/);
    assert.match((await rowAt("endpoints", label())).shown.description, /in use/);
  });

  test("show files of a container that does not run", async () => {
    const { fs } = vscode.workspace;
    const uri = vscode.Uri.from({ scheme: "berth", path: "/containers/distant/tmp-note" });
    await fs.writeFile(uri, new TextEncoder().encode("far"));
    assert.equal(new TextDecoder().decode(await fs.readFile(uri)), "far");
    assert.ok((await rows("containers", await rowAt("containers", "distant", "Files"))).length > 3);
  });

  test("rename and remove", async () => {
    await run("container.rename", ["distant"], ["remote"]);
    assert.equal(await there("ps", "-a", "--format", "{{.Names}}"), "remote");
    await run("container.remove", ["remote"], ["Remove"]);
    assert.equal(await there("ps", "-aq"), "");
    await run("volume.remove", ["far"], ["Remove"]);
  });
}

/** What an engine that is not Berth's has to give, in every view and panel. @param numbers whether it tells what containers use, and their processes */
function thePanels(how: () => readonly string[], { numbers }: { numbers: boolean }): void {
  const there = (...args: string[]): Promise<string> => berth(...how(), ...args);
  const shows = (want: RegExp): Promise<unknown> =>
    until(
      () => want.test(vscode.window.activeTextEditor?.document.getText() ?? ""),
      vscode.window.onDidChangeActiveTextEditor,
      vscode.workspace.onDidChangeTextDocument,
    );

  test("start, print, tell, open files and take commands", async () => {
    const { engine, projects } = await inside();
    const labelled = ["--label", "com.docker.compose.project=fleet", "--label", "com.docker.compose.service=web"];
    // Podman's own limits may be more than root may set here.
    const limits = ["--ulimit", "nofile=1024", "--ulimit", "nproc=4096"];
    await there(
      "create",
      "--name",
      "busy",
      ...limits,
      ...labelled,
      "busybox",
      "sh",
      "-c",
      "echo far away; trap exit TERM; sleep 1000 & wait",
    );
    await run("container.start", ["busy"]);
    const { Id } = await (await engine.client()).containers.inspect("busy");
    const logs = await restored("logs", { id: Id, name: "busy" });
    assert.match(JSON.stringify(await logs.said("lines")), /far away/);
    logs.close();
    if (numbers) {
      const stats = await restored("stats", { ids: [Id], title: "busy" });
      assert.equal((await stats.said("samples"))["id"], Id);
      stats.close();
    }
    const image = await restored("image", { id: (await (await engine.client()).images.inspect("busybox")).Id, name: "busybox" });
    assert.match(JSON.stringify(await image.said("layers")), /"sizeBytes":\d{6,}.*Only Berth's own engine shows which files/);
    image.close();
    await refusals(there);
    const note = vscode.Uri.from({ scheme: "berth", path: "/containers/busy/tmp/a b" });
    await vscode.workspace.fs.writeFile(note, new TextEncoder().encode("1"));
    await vscode.workspace.fs.rename(note, note.with({ path: "/containers/busy/tmp/c" }));
    assert.equal(await there("exec", "busy", "cat", "/tmp/c"), "1");
    await vscode.workspace.fs.delete(note.with({ path: "/containers/busy/tmp/c" }));
    await until(async () => labels(await rows("projects")).includes("fleet"), projects.onDidChangeTreeData);
    const { errors } = await run("container.top", ["busy"], [], true);
    if (numbers) await shows(/sleep 1000/);
    else assert.match(errors.join(), /^$|the engine does not tell the processes/);
    await run("container.inspect", ["busy"]);
    await shows(/"Name": "\/?busy"/);
    await run("image.history", [await rowAt("images", "busybox")]);
    await shows(/^Made +Size +Instruction/);
    await run("network.create", [], ["inner", "", "Open"]);
    await run("container.connect", ["busy"], ["inner"]);
    await run("container.disconnect", ["busy"], [["inner"], "Disconnect"]);
    await run("network.remove", [await rowAt("networks", "inner")], ["Remove"]);
    await run("system.df");
    await shows(/^Images +\d/m);
    await run("container.restart", ["busy"]);
    await there("exec", "busy", "sh", "-c", untilHeeds(constants.signals.SIGTERM));
    await run("container.signal", ["busy"], ["SIGTERM"]);
    const { messages } = await run("container.wait", ["busy"]);
    assert.match(messages.join(), /^busy ended with exit code \d+$/);
    await run("container.remove", ["busy"], ["Remove"]);
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });
}

for (const [name, variable, numbers] of [
  ["Debian's dockerd", "BERTH_TEST_DOCKERD", true],
  // Its containers have no cgroups in the tests.
  ["Podman", "BERTH_TEST_PODMAN", false],
] as const)
  suite(`Views on ${name}`, function () {
    const host = needs(variable);
    suiteSetup(async function () {
      if (!host) return this.skip();
      await use(host);
    });
    suiteTeardown(async () => {
      if (host) await use(undefined);
    });
    theViews(
      () => ["--host", host],
      () => host,
    );
    thePanels(() => ["--host", host], { numbers });
  });

suite("Endpoints", () => {
  test("follow the contexts that a terminal makes and removes", async () => {
    const { endpoints } = await inside();
    const listed = async (): Promise<boolean> => labels(await rows("endpoints")).includes("by-terminal");
    assert.equal(await listed(), false);
    await berth("context", "create", "by-terminal", "--docker", "host=tcp://127.0.0.1:1");
    await until(listed, endpoints.onDidChangeTreeData);
    await berth("context", "rm", "by-terminal");
    await until(async () => !(await listed()), endpoints.onDidChangeTreeData);
  });

  test("go into a file and out of it, and get another address", async () => {
    const file = join(scratch, "packed.dockercontext");
    const shown = (name: string): Promise<string> =>
      berth("context", "inspect", "--format", "{{.Metadata.Description}} {{.Endpoints.docker.Host}}", name);
    await berth("context", "create", "packed", "--description", "A far one", "--docker", "host=tcp://127.0.0.1:1");
    await run("endpoint.export", [await rowAt("endpoints", "packed")], [file]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { messages } = await run("endpoint.import", [], [file, "unpacked"]);
    assert.deepEqual([messages, await shown("unpacked")], [[], "A far one tcp://127.0.0.1:1"]);
    await run("endpoint.update", [await rowAt("endpoints", "unpacked")], ["tcp://127.0.0.1:2", "Elsewhere"]);
    assert.equal(await shown("unpacked"), "Elsewhere tcp://127.0.0.1:2");
    // What is said does the same.
    await berth("context", "update", "--description", "", "--docker", "host=tcp://127.0.0.1:1", "unpacked");
    await shell((await inside()).said[0]!);
    assert.equal(await shown("unpacked"), "Elsewhere tcp://127.0.0.1:2");
    await run("endpoint.remove", [await rowAt("endpoints", "unpacked")], ["Remove"]);
    await run("endpoint.remove", [await rowAt("endpoints", "packed")], ["Remove"]);
  });

  test("that do not answer are left at once for another", async () => {
    const { engine } = await inside();
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const asked = once(silent, "connection");
    await having("endpoint", `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}`, () => asked);
    await until(() => engine.state.kind === "running", engine.onDidChangeState);
    silent.close();
    await berth("tag", "busybox", "own:1");
    assert.ok((await rowAt("images", "own:1")).shown.context.startsWith("image;tagged"));
    await berth("rmi", "own:1");
  });

  test("are what the environment names, unless a setting says otherwise", async () => {
    const { engine } = await inside();
    const { BERTH_ROOT, DOCKER_HOST } = process.env;
    delete process.env["BERTH_ROOT"];
    process.env["DOCKER_HOST"] = "tcp://127.0.0.1:1";
    try {
      assert.deepEqual([engine.own, engine.endpoint], [false, "tcp://127.0.0.1:1"]);
      assert.match((await rowAt("endpoints", "tcp://127.0.0.1:1")).shown.description, /DOCKER_HOST/);
    } finally {
      process.env["BERTH_ROOT"] = BERTH_ROOT;
      if (DOCKER_HOST === undefined) delete process.env["DOCKER_HOST"];
      else process.env["DOCKER_HOST"] = DOCKER_HOST;
    }
    assert.equal(engine.own, true);
  });
});

/** Made by its commands, as a context that docker reads too; chosen in its view; forgotten in the end. */
function aContext(name: string, kind: string, address: string, ...answers: Answer[]): void {
  suite(`Views on an engine by ${kind}`, function () {
    suiteSetup(async function () {
      if (!address) return this.skip();
      // An ssh that knows the key of this run; the editor has put the login shell's PATH before what the run gave it.
      process.env["PATH"] = [join(process.env["BERTH_TEST_FOLDER"]!, "bin"), process.env["PATH"]].join(delimiter);
      await run("endpoint.create", [], [kind, address, name, ...answers]);
      await run("endpoint.use", [await rowAt("endpoints", name)]);
      await use(`context:${name}`);
    });
    suiteTeardown(async () => {
      if (!address) return;
      await run("endpoint.remove", [await rowAt("endpoints", name)], ["Remove"]);
      await use(undefined);
      assert.ok(!labels(await rows("endpoints")).includes(name));
    });
    theViews(
      () => ["--context", name],
      () => name,
    );
  });
}

aContext("far-tls", "TCP with TLS", needs("BERTH_TEST_TLS"), needs("BERTH_TEST_CERTIFICATES"));
aContext("far-ssh", "SSH", needs("BERTH_TEST_SSH"));

interface Text {
  readonly name: string;
  readonly text: string;
}

function textsBelow(folder: string): Text[] {
  return unlessGone(() => readdirSync(folder, { withFileTypes: true })).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? textsBelow(path) : entry.isFile() ? textOf(path) : [];
  });
}

const textOf = (name: string): Text[] => unlessGone(() => [{ name, text: readFileSync(name, "utf8") }]);

/** The editor may remove what it no longer needs at any moment. */
function unlessGone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

suite("Registries", function () {
  const domain = needs("BERTH_TEST_REGISTRY");
  const secret = "s3cret words";
  const mistaken = "wr0ng words";
  const encoded = (text: string): string => Buffer.from(`tester:${text}`).toString("base64");
  suiteSetup(function () {
    if (!domain) this.skip();
  });

  test("say why a login fails, and keep nothing of it", async () => {
    const { errors } = await run("registry.connect", [], ["Another", domain, "tester", mistaken], true);
    assert.match(errors.join(), /authentication required/);
    assert.deepEqual(await rows("registries"), []);
  });

  test("connect with a password that is kept among the editor's secrets alone", async () => {
    await run("registry.connect", [], ["Another", domain, "tester", secret]);
    assert.deepEqual(labels(await rows("registries")), [domain]);
    const { extension } = await inside();
    const state = extension.globalState.keys().map((key) => JSON.stringify(extension.globalState.get(key)));
    assert.ok(!state.join().includes(secret));
    assert.equal(await extension.secrets.get(`berth.registry.tester@${domain}`), secret);
  });

  test("take an image, list its tags, and give it back", async () => {
    await berth("tag", "busybox", `${domain}/team/app:1`);
    await run("image.push", [`${domain}/team/app:1`]);
    const { changed } = await inside();
    changed.fire("registries");
    const tag = await rowAt("registries", domain, "team/app", "1");
    await run("registry.copyDigest", [tag]);
    assert.match(await vscode.env.clipboard.readText(), /team\/app@sha256:[0-9a-f]{64}$/);
    await run("registry.inspect", [tag]);
    await until(
      () => /"schemaVersion": 2/.test(vscode.window.activeTextEditor?.document.getText() ?? ""),
      vscode.window.onDidChangeActiveTextEditor,
    );
    await berth("rmi", `${domain}/team/app:1`);
    await run("registry.pull", [tag]);
    await run("image.pullFor", [`${domain}/team/app:1`], [`linux/${process.arch === "x64" ? "amd64" : process.arch}`]);
    assert.match((await inside()).said[0]!, / pull --platform linux/);
    assert.match(await berth("images", "--format", "{{.Repository}}:{{.Tag}}"), /team\/app:1/);
    await run("registry.delete", [tag], ["Delete"]);
    await berth("rmi", `${domain}/team/app:1`);
  });

  test("know of newer images, and push to where the user says", async () => {
    const name = `${domain}/busybox:latest`;
    const { images } = await inside();
    await run("image.push", ["busybox:latest"], [domain]);
    assert.match(await berth("images", "--format", "{{.Repository}}:{{.Tag}}"), new RegExp(`^${name}$`, "m"));
    const { messages } = await run("image.checkUpdates");
    assert.match(messages.join(), /No image is newer/);
    // Somebody else pushes another image under the name.
    await berth("create", "--name", "newer", "--label", "made=later", "busybox");
    await berth("tag", name, "kept:here");
    await berth("commit", "newer", name);
    await run("image.push", [name]);
    await berth("tag", "kept:here", name);
    const said = await run("image.checkUpdates");
    assert.match(said.messages.join(), new RegExp(`Newer in their registries: ${name}`));
    await until(
      async () => /newer in its registry/.test((await images.fresh()).find(({ shown }) => shown.label === name)?.shown.description ?? ""),
      images.onDidChangeTreeData,
    );
    await berth("rm", "newer");
    await berth("rmi", name, "kept:here");
  });

  test("leave no password in settings and logs", async () => {
    const { extension, engine, log } = await inside();
    // All that the editor's server keeps, and what the engine has said.
    const folder = join(extension.globalStorageUri.fsPath, "../../..");
    assert.ok(extension.logUri.fsPath.startsWith(folder), `${extension.logUri.fsPath} is not in ${folder}`);
    const engineLog = await engine.logFile();
    const read = (): Text[] => [...textsBelow(folder), ...(engineLog ? textOf(engineLog) : [])];
    const holding = (word: string): string[] => read().flatMap(({ name, text }) => (text.includes(word) ? [name] : []));
    // What is said last is written last: the log is whole once it is there.
    log.error("the last words");
    for (;;) {
      if (holding("the last words").length > 0) break;
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.ok(holding("authentication required").length > 0, "The log does not know of the login that failed");
    assert.ok(read().some(({ name }) => name.endsWith("Machine/settings.json")));
    assert.deepEqual([...holding(secret), ...holding(encoded(secret)), ...holding(mistaken)], []);
  });

  test("of docker's logins are there by themselves, and are docker's to end", async () => {
    const { registries } = await inside();
    const config = join(process.env["DOCKER_CONFIG"]!, "config.json");
    const before = existsSync(config) ? readFileSync(config, "utf8") : "{}";
    const auth = Buffer.from(`tester:${secret}`).toString("base64");
    mkdirSync(dirname(config), { recursive: true });
    await rows("registries");
    writeFileSync(config, JSON.stringify({ ...(JSON.parse(before) as object), auths: { [domain]: { auth }, "other.example": { auth } } }));
    // The one that is connected here counts, and is shown once.
    await until(async () => (await rows("registries")).length === 2, registries.onDidChangeTreeData);
    await run("registry.disconnect", [await rowAt("registries", domain)]);
    const row = await rowAt("registries", domain);
    assert.match(row.shown.description, /^tester .*config\.json/);
    assert.ok(labels(await rows("registries", row)).includes("busybox"));
    const { errors } = await run("registry.disconnect", [row], [], true);
    assert.match(errors.join(), /berth logout/);
    // What is said of a pull and a push does the same in a terminal, which has the same login.
    const { said } = await inside();
    const name = `${domain}/busybox:latest`;
    const idOf = (): Promise<string> => berth("inspect", "--format", "{{.Id}} {{.RepoDigests}}", name);
    await run("image.pull", [name]);
    const pulled = await idOf();
    await berth("rmi", name);
    await shell(said[0]!);
    assert.equal(await idOf(), pulled);
    await berth("tag", name, `${domain}/again:1`);
    await run("image.push", [`${domain}/again:1`]);
    const digest = async (): Promise<string> => {
      await run("registry.copyDigest", [await rowAt("registries", domain, "again", "1")]);
      return vscode.env.clipboard.readText();
    };
    const pushed = await digest();
    await run("registry.delete", [await rowAt("registries", domain, "again", "1")], ["Delete"]);
    await shell(said.find((line) => line.includes(" push "))!);
    assert.equal(await digest(), pushed);
    await berth("rmi", name, `${domain}/again:1`);
    writeFileSync(config, before);
    await until(async () => (await rows("registries")).length === 0, registries.onDidChangeTreeData);
    await run("registry.connect", [], ["Another", domain, "tester", secret]);
  });

  test("disconnect, and the password is forgotten", async () => {
    await run("registry.disconnect", [await rowAt("registries", domain)]);
    assert.deepEqual(await rows("registries"), []);
    assert.equal(await (await inside()).extension.secrets.get(`berth.registry.tester@${domain}`), undefined);
  });
});
