/**
 * The suite inside the extension host, by @vscode/test-electron: in the VS Code named by BERTH_VSCODE (a desktop one), or in
 * the npm-packaged server by a stand-in for the `code` program.
 */
import { runTests } from "@vscode/test-electron";
import { build } from "esbuild";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { writeHostileFolder } from "./hostile.ts";
import { writeNeighbors } from "./neighbors.ts";
import { command, root, which } from "../../scripts/setup.mjs";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import type { Dockerd } from "../support/dockerd.ts";
import { removeRoot } from "../support/engine.ts";
import { cannotRunPodman, startPodman } from "../support/podman.ts";
import type { Podman } from "../support/podman.ts";
import { testUser } from "../support/user.ts";
import { startFarEngine } from "./far-engine.ts";
import { startDebianRegistry } from "./registry.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-inhost-"));
const program = join(root, "dist/berth");
const path = [dirname(process.execPath), process.env["PATH"]].join(":");
const env = {
  ...process.env,
  BERTH_ROOT: join(folder, "engine"),
  BERTH_NODE: process.execPath,
  BERTH_TEST_PROGRAM: program,
  BERTH_TEST_FOLDER: folder,
  DOCKER_CONFIG: join(folder, "docker"),
  PATH: path,
};
const bench = process.env["BERTH_BENCH"] !== undefined;
/** One of `alone`, `neighbors`, `untrusted`; all of them without. */
const only = process.env["BERTH_TEST_WINDOW"];
/** Other engines and a registry are for the window that tries everything. */
const quick = bench || (only ?? "alone") !== "alone";
/** Windows whose activation is measured, and how long the one in the middle may take. */
const ACTIVATIONS = 7;
const MOST_MS = 50;
const tests = join(root, "test-output/inhost/index.cjs");

cpSync(join(root, "media/sample"), join(folder, "sample"), { recursive: true });
await build({
  entryPoints: [join(root, "test/extension/inhost/index.ts")],
  outfile: tests,
  bundle: true,
  platform: "node",
  format: "cjs",
  external: ["vscode", "mocha"],
  logLevel: "warning",
});
/** The suite in a window on a folder, with the extensions of another one. */
function run(extensions: string, opened = "sample"): Promise<number> {
  return runTests({
    vscodeExecutablePath: process.env["BERTH_VSCODE"] ?? join(root, "test/extension/code-shim.ts"),
    extensionDevelopmentPath: root,
    extensionTestsPath: tests,
    launchArgs: [join(folder, opened), `--extensions-dir=${join(folder, extensions)}`],
  });
}

/** A suite each in a window of its own: what is installed and what is trusted counts from the start. */
const windows = {
  alone: () => run("none"),
  neighbors: () => {
    writeNeighbors(join(folder, "neighbors"));
    process.env["BERTH_TEST_NEIGHBORS"] = "1";
    return run("neighbors");
  },
  untrusted: () => {
    delete process.env["BERTH_TEST_NEIGHBORS"];
    process.env["BERTH_TEST_UNTRUSTED"] = "1";
    writeHostileFolder(join(folder, "hostile"));
    return run("none", "hostile");
  },
} as const;

/** Each suite, one after the other; the exit code of the first that failed. */
async function runAll(): Promise<number> {
  const codes: number[] = [];
  for (const [name, open] of Object.entries(windows)) if ((only ?? name) === name) codes.push(await open());
  return codes.find((code) => code !== 0) ?? 0;
}

/** A window each, because an extension is activated once. */
async function measureActivation(): Promise<void> {
  process.env["BERTH_BENCH_ACTIVATIONS"] = join(folder, "activations");
  process.env["BERTH_BENCH"] = "activation";
  for (let window = 1; window < ACTIVATIONS; window++) await run("none");
  process.env["BERTH_BENCH"] = "1";
}

/** Prints the median; gives the exit code. */
function tooSlow(): number {
  const sorted = readFileSync(join(folder, "activations"), "utf8")
    .trim()
    .split("\n")
    .map(Number)
    .toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  console.log(`  activation: median ${median.toFixed(0)} ms of ${sorted.map((ms) => ms.toFixed(0)).join(", ")}; may take ${MOST_MS}`);
  return median < MOST_MS ? 0 : 1;
}

async function startOwnPodman(): Promise<Podman> {
  const base = join(folder, "podman");
  const tar = join(base, "busybox.tar");
  mkdirSync(base);
  writeFileSync(tar, await busyboxTar());
  return startPodman(base, tar);
}

await command([program, "engine", "start"], { env });
await command([program, "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
const dockerd: Dockerd | undefined = quick || cannotRunDockerd() ? undefined : await startDockerd(join(folder, "dockerd"));
if (dockerd) await command([program, "--host", dockerd.socket, "import", "-", "busybox:latest"], { env, input: await busyboxTar() });
const podman: Podman | undefined = quick || cannotRunPodman() ? undefined : await startOwnPodman();
const registry = quick || !which("docker-registry") ? undefined : await startDebianRegistry(folder);
const far = quick ? undefined : await startFarEngine(folder);
try {
  Object.assign(process.env, env, {
    ...(far?.tls ? { BERTH_TEST_TLS: far.tls.address, BERTH_TEST_CERTIFICATES: far.tls.certificates } : {}),
    ...(far?.ssh ? { BERTH_TEST_SSH: far.ssh } : {}),
    ...(dockerd ? { BERTH_TEST_DOCKERD: dockerd.socket } : {}),
    ...(podman ? { BERTH_TEST_PODMAN: podman.socket } : {}),
    ...(registry ? { BERTH_TEST_REGISTRY: registry.domain } : {}),
  });
  if (bench) await measureActivation();
  process.exitCode = bench ? (await run("none")) || tooSlow() : await runAll();
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
} finally {
  await command([program, "engine", "stop"], { env });
  registry?.stop();
  await dockerd?.stop();
  await podman?.stop();
  await far?.stop();
  // What other ids own in an unprivileged user's engine, only that engine's programs can delete.
  for (const name of ["engine", "far/engine"]) await removeRoot(join(folder, name), testUser(process.getuid!() === 0 ? "root" : "user"));
  rmSync(folder, { recursive: true, force: true });
}
