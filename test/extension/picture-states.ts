/**
 * Pictures of what a window says in each state of its engine: `node test/extension/picture-states.ts [name…]`, after a build; as root.
 * They are in test-output/pictures. What a machine lacks is arranged: programs that cannot be run, a user without ids.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, root } from "../../scripts/setup.mjs";
import { startVscode } from "../../scripts/vscode.ts";
import type { VscodeOptions } from "../../scripts/vscode.ts";
import { removeRoot } from "../support/engine.ts";
import { testUser } from "../support/user.ts";
import { writeHostileFolder } from "./hostile.ts";
import { takeFailure, takePictures } from "./look.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, Workbench } from "./workbench.ts";

const at = mkdtempSync(join(tmpdir(), "berth-states-"));
const env = { ...process.env, BERTH_ROOT: join(at, "engine"), BERTH_NODE: process.execPath };
/** Somebody who is not root, and reads what root reads. */
const NOBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps"];

/** In a mount namespace of its own where these programs cannot be run. */
function without(...programs: readonly string[]): string[] {
  const hide = programs.map((program) => `mount --bind /dev/null ${program}`);
  return ["unshare", "--mount", "sh", "-c", `${hide.join(" && ")} && exec "$@"`, "sh"];
}

interface State extends Partial<VscodeOptions> {
  readonly name: string;
  /** What shows that it is there. */
  readonly says: string;
  /** All views are opened. */
  readonly allViews?: boolean;
  readonly doctor?: boolean;
}

const STATES: readonly State[] = [
  { name: "state-stopped", says: "The engine is stopped", settings: { "berth.engine.autoStart": false }, allViews: true },
  { name: "state-empty", says: "No containers yet", allViews: true },
  { name: "state-no-newuidmap", says: "newuidmap", under: [...NOBODY, ...without("/usr/bin/newuidmap")], doctor: true },
  { name: "state-no-ids", says: "subordinate", under: NOBODY, doctor: true },
  { name: "state-no-runtime", says: "crun", under: without("/usr/bin/crun", "/usr/sbin/runc"), doctor: true },
  { name: "state-no-node", says: "No Engine", settings: { "berth.engine.nodePath": "/opt/no/such/node" }, doctor: true },
  { name: "state-unreachable", says: "No Engine", settings: { "berth.endpoint": "tcp://127.0.0.1:1" }, allViews: true, doctor: true },
  { name: "state-untrusted", says: "not trusted", workspaceTrust: true, folder: join(at, "hostile") },
];

const VIEWS = ["Images", "Volumes", "Networks", "Projects", "Registries", "Endpoints"] as const;

async function look(state: State, vsix: string): Promise<void> {
  const { name, says, allViews = false, doctor = false, ...options } = state;
  const dataDir = mkdtempSync(join(at, "data-"));
  const server = await startVscode({ folder: join(at, "folder"), vsix, dataDir, ...options, env: { ...env, ...options.env } });
  const browser = await launchBrowser();
  try {
    const window = await Workbench.open(browser, server.url);
    await show(window, state).catch(async (error: Error) => {
      console.log(`${name}: ${says}: ${error.message.split("\n")[0]}`);
      await takeFailure(window, name);
    });
    await takePictures({ name, window, dataDir });
    if (allViews) {
      for (const view of VIEWS) await window.unfold(view);
      await takePictures({ name: `${name}-all`, window, dataDir, tall: 1.6 });
    }
    if (doctor) {
      await window.command("Berth: Doctor", window.panel().locator(".bad").first());
      await takePictures({ name: `${name}-doctor`, window, dataDir, panel: true });
    }
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function show(window: Workbench, { says }: State): Promise<void> {
  await window.openView("Berth");
  await window.page.locator(".part.sidebar .pane-body", { hasText: says }).first().waitFor({ timeout: 60_000 });
}

const wanted = process.argv.slice(2);
mkdirSync(join(at, "folder"));
writeHostileFolder(join(at, "hostile"));
try {
  const vsix = await packageVsix();
  for (const state of STATES) {
    if (wanted.length > 0 && !wanted.includes(state.name)) continue;
    await look(state, vsix).catch((error: Error) => console.log(`${state.name}: ${error.message}`));
    await command([join(root, "dist/berth"), "engine", "stop"], { env }).catch(() => undefined);
    console.log(state.name);
  }
} finally {
  await removeRoot(join(at, "engine"), testUser("root"));
  rmSync(at, { recursive: true, force: true });
}
