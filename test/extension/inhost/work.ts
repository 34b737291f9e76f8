/** What takes its time: builds, tasks and terminals, how they are canceled, and what a container keeps when it is made anew. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import * as vscode from "vscode";
import packageNls from "../../../package.nls.json" with { type: "json" };
import { buildImage } from "../../../src/build/build.ts";
import { runBuild } from "../../../src/build/run.ts";
import { openAttached } from "../../../src/terminals/attach.ts";
import { openShell } from "../../../src/terminals/shell.ts";
import { berth, ends, inside, scratch } from "./inside.ts";
import { answering, instead, run, until } from "./prompts.ts";

const folder = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri;
const never = new AbortController().signal;

/** Writes a build context; gives what runBuild wants. */
function target(name: string, files: Record<string, string>): { directory: string; dockerfile: string; name: string } {
  const directory = join(scratch, name);
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  return { directory, dockerfile: "Dockerfile", name: `${name}:latest` };
}

suite("Builds", () => {
  suiteSetup(async () => vscode.commands.executeCommand("berth.engine.start"));

  const Dockerfile = "FROM busybox\nENV A=1\nCOPY a.txt /\nRUN cat a.txt && head -c 1500000 /dev/zero >/big\n";
  async function built(files: Record<string, string>): Promise<string> {
    let text = "";
    await runBuild(await inside(), target("lines", files), { signal: never, say: (more) => (text += more) });
    return stripVTControlCharacters(text);
  }

  test("say beside each step what it took, what it added, and why it ran", async () => {
    assert.match(await built({ Dockerfile, "a.txt": "one" }), /\[3\/3\] RUN cat[^\r]*\r\n {6}one\r\n {6}\d+\.\d s · \+1\.5 MB\r\n$/);
    assert.match(
      await built({ Dockerfile, "a.txt": "one" }),
      /\[2\/3\] COPY a\.txt \/ {2}CACHED[^\r]*\r\n\[3\/3\] RUN [^\r]* {2}CACHED( · [\d.]+ s)? · \+1\.5 MB/,
    );
    assert.match(await built({ Dockerfile, "a.txt": "two" }), /\[2\/3\] COPY a\.txt \/ {2}[\d.]+ s[^\r]* — .*a\.txt/);
  });

  test("of a Dockerfile that is wrong say where", async () => {
    await assert.rejects(built({ Dockerfile: "FROM busybox\nRUNN x\n" }), { line: 2, message: /unknown instruction: RUNN/ });
    await assert.rejects(built({ Dockerfile: "FROM busybox\n\nRUN exit 3\n" }), {
      line: 3,
      message: /exit code: 3|returned a non-zero code: 3/,
    });
  });

  test("with options build another stage, with arguments and without the cache, and remember them", async () => {
    const uri = vscode.Uri.joinPath(folder(), "staged.Dockerfile");
    const text = "FROM busybox AS first\nARG WHO=nobody\nLABEL who=$WHO\nFROM busybox\nCMD last\n";
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    await run("dockerfile.buildWith", [uri], ["staged:1", "first", [], "WHO='a b'", ["Without"]]);
    assert.equal(await berth("image", "inspect", "--format", "{{.Config.Labels.who}}", "staged:1"), "a b");
    const { extension } = await inside();
    const { buildArgs, noCache } = extension.workspaceState.get<Record<string, unknown>>(`build-options:${uri.toString()}`, {});
    assert.deepEqual([buildArgs, noCache], [{ WHO: "a b" }, true]);
    await berth("rmi", "staged:1");
    await vscode.workspace.fs.delete(uri);
  });

  test("as tasks put what is wrong among the problems, at its line", async () => {
    const uri = vscode.Uri.joinPath(folder(), "broken.Dockerfile");
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode("FROM busybox\nRUN true\nRUN exit 3\n"));
    const tasks = await vscode.tasks.fetchTasks({ type: "berth-build" });
    const task = tasks.find(({ name }) => name === "build broken.Dockerfile");
    assert.ok(task, tasks.map(({ name }) => name).join());
    await ends(task);
    const problem = await until(
      () => vscode.languages.getDiagnostics(uri).find(({ message }) => /exit code: 3|non-zero code: 3/.test(message)),
      vscode.languages.onDidChangeDiagnostics,
    );
    assert.deepEqual([problem.range.start.line, problem.severity], [2, vscode.DiagnosticSeverity.Error]);
    await vscode.workspace.fs.delete(uri);
  });
});

test("A compose task puts what is wrong among the problems, at its line and column", async () => {
  const uri = vscode.Uri.joinPath(folder(), "wrong.yaml");
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode("services:\n  web:\n    imag: busybox\n"));
  const { taskKinds } = await import("../../../src/tasks/tasks.ts");
  await ends(taskKinds["berth-compose"].make(await inside(), { type: "berth-compose", command: "config", file: "wrong.yaml" }));
  const problem = await until(
    () => vscode.languages.getDiagnostics(uri).find(({ message }) => /'imag' not allowed/.test(message)),
    vscode.languages.onDidChangeDiagnostics,
  );
  assert.deepEqual([problem.range.start.line, problem.range.start.character], [2, 4]);
  await vscode.workspace.fs.delete(uri);
});

test("Tasks of another folder of the workspace begin there, and a variable stays for the editor to fill in", async () => {
  const { buildTarget, taskKinds } = await import("../../../src/tasks/tasks.ts");
  const place = { uri: vscode.Uri.file("/other/web"), name: "web", index: 1 };
  const { directory, dockerfile, name } = buildTarget({ dockerfile: "sub/dev.Dockerfile" }, place);
  assert.deepEqual([directory, dockerfile, name], ["/other/web/sub", "dev.Dockerfile", "sub-dev:latest"]);
  const composed = async (file: string): Promise<unknown[]> => {
    const definition = { type: "berth-compose", command: "ps", file };
    const { execution } = taskKinds["berth-compose"].make(await inside(), definition, place);
    const { args, options } = execution as vscode.ProcessExecution;
    return [...args.slice(-3), options?.cwd];
  };
  assert.deepEqual(await composed("sub/compose.yaml"), ["--file", "/other/web/sub/compose.yaml", "ps", "/other/web/sub"]);
  const variable = "${workspaceFolder}/compose.yaml";
  assert.deepEqual(await composed(variable), ["--file", variable, "ps", "${workspaceFolder}"]);
});

/** Runs work whose progress is canceled when one of its messages is such; at once without. */
async function canceling(work: () => Promise<unknown>, when: (report: string) => boolean = () => true): Promise<void> {
  const source = new vscode.CancellationTokenSource();
  const report = ({ message = "" }: { message?: string }): void => void (when(message) && source.cancel());
  const withProgress = async (options: vscode.ProgressOptions, task: (...args: unknown[]) => unknown): Promise<unknown> => {
    const result = task({ report }, source.token);
    if (options.cancellable) report({});
    return result;
  };
  await instead({ withProgress }, async () => void (await work()));
}

suite("Cancel", () => {
  test("ends a build", async () => {
    const client = await (await inside()).engine.client();
    const stop = new AbortController();
    const ended = (async () => {
      for await (const { status, tags } of client.buildRecords.watch({ signal: stop.signal }))
        if (status !== "running" && tags.includes("endless:latest")) return status;
      return undefined;
    })();
    const endless = target("endless", { Dockerfile: "FROM busybox\nRUN sleep 1000\n" });
    await canceling(
      async () => assert.rejects(buildImage(await inside(), endless), { name: "AbortError" }),
      (message) => message.includes("sleep"),
    );
    assert.equal(await ended, "canceled");
    stop.abort();
  });

  for (const command of ["image.pull", "image.push"])
    test(`ends ${command} while the registry keeps it waiting`, async () => {
      const silent = createServer();
      await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
      const name = `127.0.0.1:${(silent.address() as AddressInfo).port}/team/slow:1`;
      await berth("tag", "busybox", name);
      const asked = new Promise<void>((resolve) => silent.once("request", () => resolve()));
      const gone = new Promise<void>((resolve) => silent.once("connection", (socket) => socket.once("close", () => resolve())));
      const source = new vscode.CancellationTokenSource();
      void asked.then(() => source.cancel());
      const withProgress = (_: unknown, task: (...args: unknown[]) => unknown): unknown => task({ report: () => {} }, source.token);
      await instead({ withProgress }, async () => void (await run(command, [name])));
      await gone;
      await berth("rmi", name);
      silent.close();
      silent.closeAllConnections();
    });

  test("ends a prune", async () => {
    const { engine } = await inside();
    const client = await engine.client();
    const { prune } = client.volumes;
    let aborted = false;
    client.volumes.prune = (_filters, options) =>
      new Promise((_, reject) =>
        options!.signal!.addEventListener("abort", () => {
          aborted = true;
          reject(options!.signal!.reason as Error);
        }),
      );
    await berth("volume", "create", "unused");
    await canceling(() => run("volume.prune", [], ["Remove"]));
    client.volumes.prune = prune;
    assert.ok(aborted);
    await berth("volume", "rm", "unused");
  });
});

/** A terminal as a person sees it: what it has shown, and what is typed into it. */
class Screen {
  readonly #pty: vscode.Pseudoterminal;
  readonly closed: Promise<number | void>;
  #text = "";

  constructor(pty: vscode.Pseudoterminal, size = { rows: 24, columns: 80 }) {
    this.#pty = pty;
    pty.onDidWrite((text) => (this.#text += text));
    this.closed = new Promise((resolve) => pty.onDidClose?.(resolve));
    pty.open(size);
  }

  async shows(pattern: RegExp): Promise<string> {
    return until(() => pattern.test(stripVTControlCharacters(this.#text)) && this.#text, this.#pty.onDidWrite);
  }

  type(text: string): void {
    this.#pty.handleInput?.(text);
  }

  resize(size: { rows: number; columns: number }): void {
    this.#pty.setDimensions?.(size);
  }
}

/** The terminal that some work opens. */
async function screenOf(work: () => unknown): Promise<Screen> {
  let pty: vscode.Pseudoterminal | undefined;
  const createTerminal = (options: vscode.ExtensionTerminalOptions): unknown => ((pty = options.pty), { show: () => {} });
  await instead({ createTerminal }, async () => void (await work()));
  return new Screen(pty!);
}

suite("Terminals", () => {
  suiteSetup(async () => {
    await berth("run", "-d", "--name", "shelled", "busybox", "sleep", "1000");
    await berth("run", "-dit", "--name", "attached", "busybox", "sh");
  });
  suiteTeardown(async () => void (await berth("rm", "-f", "shelled", "attached")));

  test("a shell has the terminal's size, follows it, and ends with its exit code", async () => {
    const client = await (await inside()).engine.client();
    const screen = await screenOf(() => openShell(client, { id: "shelled", name: "shelled" }));
    await screen.shows(/[#$] $/);
    screen.type("stty size\r");
    await screen.shows(/^24 80/m);
    screen.resize({ rows: 31, columns: 101 });
    // The size arrives beside what is typed, not before it.
    screen.type("until stty size | grep -x '31 101'; do :; done; exit 3\r");
    await screen.shows(/^31 101\r?$/m);
    assert.equal(await screen.closed, 3);
  });

  test("what is typed and resized before the shell is there reaches it", async () => {
    const client = await (await inside()).engine.client();
    const screen = await screenOf(() => openShell(client, { id: "shelled", name: "shelled" }));
    screen.resize({ rows: 32, columns: 102 });
    screen.type("until stty size | grep -x '32 102'; do :; done; exit 4\r");
    assert.equal(await screen.closed, 4);
  });

  test("the profile opens a shell in the container that is chosen", async () => {
    const profile = vscode.workspace.getConfiguration("terminal.integrated.defaultProfile");
    await profile.update("linux", packageNls["terminal.shell"], vscode.ConfigurationTarget.Global);
    const opened = new Promise<vscode.Terminal>((resolve) => {
      const subscription = vscode.window.onDidOpenTerminal((terminal) => {
        subscription.dispose();
        resolve(terminal);
      });
    });
    await answering(["shelled"], false, async () => void (await vscode.commands.executeCommand("workbench.action.terminal.new")));
    await profile.update("linux", undefined, vscode.ConfigurationTarget.Global);
    const terminal = await opened;
    assert.equal(terminal.name, "shelled");
    terminal.sendText("echo from-$((40+2)) >/said; exit");
    await until(() => terminal.exitStatus, vscode.window.onDidCloseTerminal);
    assert.equal(await berth("exec", "shelled", "cat", "/said"), "from-42");
  });

  test("a command runs as the user that was asked for", async () => {
    const screen = await screenOf(() => run("container.exec", ["shelled"], ["id -u", "1000"]));
    await screen.shows(/^1000\r?$/m);
    assert.equal(await screen.closed, 0);
  });

  test("an attached terminal types to the main process, and lets go of it with Ctrl-P Ctrl-Q", async () => {
    const client = await (await inside()).engine.client();
    const screen = await screenOf(() => openAttached(client, { id: "attached", name: "attached" }));
    await screen.shows(/Attached to attached/);
    screen.type("echo main-$((40+2))\r");
    await screen.shows(/main-42/);
    screen.type("\x10\x11");
    await screen.closed;
    assert.equal(await berth("inspect", "--format", "{{.State.Status}}", "attached"), "running");
  });

  test("shells and attached terminals say that the engine was lost, and go on at a key", async () => {
    const { engine } = await inside();
    const shell = await screenOf(async () => openShell(await engine.client(), { id: "shelled", name: "shelled" }));
    const attached = await screenOf(async () => openAttached(await engine.client(), { id: "attached", name: "attached" }));
    shell.type("echo one-$((40+2))\r");
    await shell.shows(/one-42/);
    await attached.shows(/Attached to attached/);
    const { pid } = JSON.parse(await berth("engine", "status", "--format", "json")) as { pid: number };
    const back = new Promise<void>((resolve) => {
      const subscription = engine.onDidChangeState(({ kind }) => {
        if (kind === "running") resolve(subscription.dispose());
      });
    });
    process.kill(pid, "SIGKILL");
    for (const screen of [shell, attached]) await screen.shows(/connection to the engine is lost[^]*Press a key/);
    await back;
    shell.type(" ");
    shell.type("echo two-$((40+2)); exit 5\r");
    await shell.shows(/two-42/);
    assert.equal(await shell.closed, 5);
    attached.type(" ");
    await attached.shows(/Attached to attached[^]*Press a key[^]*Attached to attached/);
    attached.type("exit 6\r");
    assert.equal(await attached.closed, 6);
  });

  test("a container without a shell says so", async () => {
    await runBuild(
      await inside(),
      target("shell-less", { Dockerfile: 'FROM scratch\nCOPY --from=busybox /bin/busybox /sleep\nCMD ["/sleep", "1000"]\n' }),
      {
        signal: never,
        say: () => {},
      },
    );
    await berth("run", "-d", "--name", "bare", "shell-less");
    const client = await (await inside()).engine.client();
    const screen = await screenOf(() => openShell(client, { id: "bare", name: "bare" }));
    await screen.shows(/no shell that could be started|no such file or directory/i);
    const note = vscode.Uri.from({ scheme: "berth", path: "/containers/bare/note.txt" });
    await vscode.workspace.fs.writeFile(note, new TextEncoder().encode("no shell needed"));
    await vscode.workspace.fs.rename(note, note.with({ path: "/containers/bare/moved.txt" }));
    assert.equal(
      new TextDecoder().decode(await vscode.workspace.fs.readFile(note.with({ path: "/containers/bare/moved.txt" }))),
      "no shell needed",
    );
    await berth("rm", "-f", "bare");
  });

  test("find berth, and DOCKER_HOST where the user wants it", async () => {
    const { extension, engine } = await inside();
    const settings = vscode.workspace.getConfiguration("berth.terminal");
    assert.equal(extension.environmentVariableCollection.get("DOCKER_HOST"), undefined);
    await settings.update("dockerHost", true, vscode.ConfigurationTarget.Global);
    const variables = extension.environmentVariableCollection;
    while (!variables.get("DOCKER_HOST")) await new Promise(setImmediate);
    assert.equal(variables.get("DOCKER_HOST")!.value, await engine.ownAddress());
    const file = vscode.Uri.file(join(scratch, "found.txt"));
    const terminal = vscode.window.createTerminal({
      shellPath: "/bin/sh",
      shellArgs: ["-c", `berth ps --format '{{.Names}}' >${file.fsPath}; echo "$DOCKER_HOST" >>${file.fsPath}`],
    });
    await until(() => terminal.exitStatus, vscode.window.onDidCloseTerminal);
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
    assert.match(text, /^shelled$/m);
    assert.match(text, /^unix:\/\/.*\.sock$/m);
    await settings.update("dockerHost", undefined, vscode.ConfigurationTarget.Global);
    while (variables.get("DOCKER_HOST")) await new Promise(setImmediate);
  });
});

suite("Tools for language models", () => {
  const asked = async (name: string, input: Record<string, unknown>): Promise<string> => {
    const { tools } = await import("../../../src/assistant/tools.ts");
    return tools[name]!.invoke(await inside(), input, never);
  };

  test("are the ones of the manifest, and the editor has them", async () => {
    const { tools } = await import("../../../src/assistant/tools.ts");
    const { contributes } = (await inside()).extension.extension.packageJSON as { contributes: { languageModelTools: { name: string }[] } };
    const names = contributes.languageModelTools.map(({ name }) => name);
    assert.deepEqual(Object.keys(tools), names);
    // An editor without any assistant keeps none.
    if (vscode.lm.tools.length > 0) assert.ok(names.every((name) => vscode.lm.tools.some((tool) => tool.name === name)));
  });

  test("list, read logs without variables, build when confirmed, and tell why a build failed", async () => {
    await berth("run", "--name", "told", "-e", "SECRET=hidden", "busybox", "echo", "heard");
    assert.match(await asked("berth_list", {}), /^told \| [0-9a-f]{12} \| busybox \| exited \(0\)/m);
    assert.match(await asked("berth_list", { kind: "images" }), /busybox/);
    assert.doesNotMatch(await asked("berth_list", {}), /hidden/);
    assert.match(await asked("berth_logs", { container: "told", lines: 5 }), /^\S+Z heard\n$/);
    await assert.rejects(asked("berth_logs", { container: "nobody" }), /No such container: nobody/);
    await berth("rm", "told");
    const uri = vscode.Uri.joinPath(folder(), "tool.Dockerfile");
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode("FROM busybox\nRUN echo so && exit 7\n"));
    const { tools } = await import("../../../src/assistant/tools.ts");
    assert.ok(tools["berth_build"]!.prepare!({ dockerfile: "tool.Dockerfile" }).confirmationMessages);
    assert.match(await asked("berth_build", { dockerfile: "tool.Dockerfile", tag: "tool:1" }), /^The build failed at line 2/);
    assert.match(await asked("berth_last_build", { name: "tool:1" }), /: failed[^]*line 2: RUN echo so[^\n]*failed[^]*\nso\n/);
    await vscode.workspace.fs.delete(uri);
  });
});
