/**
 * Runs the VS Code server of `vscode-install.ts`: for `npm start`, and for the tests.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { command } from "./setup.mjs";
import { vscodeServer } from "./vscode-install.ts";

export { vscodeServer } from "./vscode-install.ts";

export interface VscodeOptions {
  /** The folder that opens. */
  readonly folder: string;
  /** Installed before the server starts. */
  readonly vsix?: string;
  /** A file that opens in the editor. */
  readonly open?: string;
  /** 0, the default, takes a free one. Always on 127.0.0.1, always behind a token. */
  readonly port?: number;
  /** Settings, extensions and logs; the default is a temporary directory that `stop` removes. */
  readonly dataDir?: string;
  /** The default is a folder of `dataDir`. */
  readonly extensionsDir?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A command that runs the server: `["unshare", "--user"]`. */
  readonly under?: readonly string[];
  /** Machine settings beyond the quiet defaults. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /**
   * Run an extension from its folder, and a test suite in its host. Needs VS Code's smoke test driver,
   * which hides notifications, so it is for in-host tests only.
   */
  readonly development?: { readonly extension: string; readonly tests?: string };
  /** Ask before trusting the folder, as a desktop VS Code does. Off by default. */
  readonly workspaceTrust?: boolean;
}

export interface VscodeServer {
  /** Opens the folder; carries the token. */
  readonly url: string;
  readonly dataDir: string;
  /** Ends the server, its extension hosts and its terminals. */
  stop(): Promise<void>;
}

const quietSettings = {
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "git.openRepositoryInParentFolders": "never",
  // The browser is on this machine, where every port is within reach already.
  "remote.autoForwardPorts": false,
  "telemetry.telemetryLevel": "off",
  "terminal.integrated.gpuAcceleration": "off",
  "update.mode": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

/** Starts a VS Code server on a folder, installing it first where it is not there yet. */
export async function startVscode(options: VscodeOptions): Promise<VscodeServer> {
  const server = await vscodeServer();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "berth-vscode-")));
  const token = randomBytes(16).toString("hex");
  await writeFiles(dataDir, { "data/Machine/settings.json": JSON.stringify({ ...quietSettings, ...options.settings }), token });
  const program = [
    join(server, "out/server-main.js"),
    "--server-data-dir",
    dataDir,
    "--extensions-dir",
    options.extensionsDir ?? join(dataDir, "extensions"),
  ];
  const env = cleanEnvironment({ ...process.env, ...options.env });
  if (options.vsix) await command([process.execPath, ...program, "--install-extension", resolve(options.vsix), "--force"], { env });
  const [run = "", ...args] = [...(options.under ?? []), process.execPath, ...program, ...serverFlags(options, dataDir)];
  const child = spawn(run, args, {
    env,
    // A group of its own: Ctrl-C in a terminal reaches only the caller, which ends the whole group by `stop`.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const port = await listening(child, join(dataDir, "server.log"));
  return {
    url: workbenchUrl(options, { port, token }),
    dataDir,
    stop: async () => {
      await end(child);
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/**
 * From the next reload of its window on, extensions of a server speak this language; the editor's own words stay English, because the
 * pack that counts as installed is empty. @param dataDir the server's
 */
export async function setLanguage(dataDir: string, locale: string): Promise<void> {
  const words = `${locale}.i18n.json`;
  const extensions = [{ extensionIdentifier: { id: `berth.language-${locale}` }, version: "1.0.0" }];
  const pack = { hash: "0", extensions, translations: { vscode: join(resolve(dataDir), words) }, label: locale };
  await writeFiles(dataDir, {
    [words]: JSON.stringify({ version: "1.0.0", contents: {} }),
    "data/languagepacks.json": JSON.stringify({ [locale]: pack }),
    "data/User/argv.json": JSON.stringify({ locale }),
  });
}

async function writeFiles(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text, { mode: 0o600 });
  }
}

/** A server started from a VS Code terminal must not take itself for a child of that window. */
function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^(VSCODE_|CODE_SERVER|ELECTRON_)/.test(name));
  // code-server would send links to localhost through a proxy of its own, which this server does not have.
  return { ...Object.fromEntries(kept), VSCODE_PROXY_URI: "" };
}

function serverFlags(options: VscodeOptions, dataDir: string): string[] {
  return [
    "--host=127.0.0.1",
    `--port=${options.port ?? 0}`,
    `--connection-token-file=${join(dataDir, "token")}`,
    "--accept-server-license-terms",
    "--telemetry-level=off",
    ...(options.workspaceTrust ? [] : ["--disable-workspace-trust"]),
    ...(options.development ? ["--enable-smoke-test-driver"] : []),
  ];
}

/** Resolves with the port once the server says that it listens; its output goes on into `log`. */
function listening(child: ChildProcess, log: string): Promise<number> {
  const output = createWriteStream(log);
  child.stdout!.pipe(output);
  child.stderr!.pipe(output, { end: false });
  return new Promise((resolve, reject) => {
    let said = "";
    const listen = (chunk: Buffer): void => {
      said += chunk;
      const found = /^Extension host agent listening on (\d+)/m.exec(said);
      if (!found) return;
      child.stdout!.off("data", listen);
      resolve(Number(found[1]));
    };
    child.stdout!.on("data", listen);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`The VS Code server ended before it listened:\n${said}`)));
  });
}

function workbenchUrl(options: VscodeOptions, { port, token }: { port: number; token: string }): string {
  const url = new URL(`http://127.0.0.1:${port}/`);
  const remote = (path: string): string => `vscode-remote://127.0.0.1:${port}${resolve(path)}`;
  url.searchParams.set("tkn", token);
  url.searchParams.set("folder", resolve(options.folder));
  const payload: [string, string][] = [];
  if (options.open) payload.push(["openFile", remote(options.open)]);
  if (options.development) payload.push(["extensionDevelopmentPath", remote(options.development.extension)]);
  if (options.development?.tests) payload.push(["extensionTestsPath", remote(options.development.tests)]);
  if (payload.length > 0) url.searchParams.set("payload", JSON.stringify(payload));
  return url.href;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  const force = setTimeout(() => signalGroup(child, "SIGKILL"), 5000);
  signalGroup(child, "SIGTERM");
  await gone;
  clearTimeout(force);
  // The server does not wait for its children: terminals and extension hosts may outlive it by a moment.
  signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // The group has ended already.
  }
}
