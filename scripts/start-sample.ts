/**
 * The main job: engine, a sample image built and running, and a real VS Code with Berth open on it.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxTar } from "./base-image.ts";
import { page } from "./page.ts";
import { command, enginePackages, installSystemPackages, root, step, which } from "./setup.mjs";

const sample = join(root, "media/sample");
const berth = join(root, "dist/berth");
const name = "berth-sample";

/** One engine of this clone's own, so that nothing of the user's is touched. */
const env = { ...process.env, BERTH_ROOT: process.env["BERTH_ROOT"] ?? join(root, ".berth/engine") };

const run = (...args: string[]): Promise<string> => command([berth, ...args], { env });

export async function start(options: { headless: boolean }): Promise<number> {
  const started = performance.now();
  console.log("\nBerth: containers in VS Code, on an engine of their own\n");
  try {
    const missing = await installSystemPackages([
      ...enginePackages,
      { program: "busybox", package: "busybox-static", why: "the sample's base image" },
    ]);
    if (missing.length > 0) return 1;
    await step("Build Berth", () => command([process.execPath, "scripts/build.ts"]));
    const url = await runSample();
    console.log(`\n  ${url} answers, ${((performance.now() - started) / 1000).toFixed(1)} s after the start\n`);
    if (options.headless) {
      await checkSample(url);
      await stopAll();
      return 0;
    }
    await openEditor();
    return 0;
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}\n`);
    for (const words of [
      ["ps", "-a"],
      ["logs", name],
    ])
      console.error(await run(...words).catch(String));
    if (options.headless) await run("engine", "stop").catch(() => "");
    return 1;
  }
}

/** Engine, base image, build, run; returns the URL that answers. */
async function runSample(): Promise<string> {
  mkdirSync(env.BERTH_ROOT, { recursive: true });
  await step("Start the engine", async () => {
    await run("engine", "start");
    const status = JSON.parse(await run("engine", "status", "--format", "json")) as {
      rootless: boolean;
      runtime: { name: string; version: string };
    };
    return `${status.rootless ? "rootless" : "as root"}, ${status.runtime.name} ${status.runtime.version}`;
  });
  await step("Base image busybox", baseImage);
  await step("Build the sample's image", () => run("build", "-t", name, sample).then(() => name));
  await run("rm", "-f", name).catch(() => "");
  await step("Run it", () => run("run", "-d", "--name", name, "-p", "127.0.0.1::8080", name).then((id) => id.slice(0, 12)));
  const [address] = (await run("port", name, "8080/tcp")).trim().split("\n");
  const url = `http://${address}`;
  await step("Ask it for its page", () => checkPage(url).then(() => url));
  return url;
}

/** From a registry, or made from this machine's busybox where none can be reached. */
async function baseImage(): Promise<string> {
  const images = await run("images", "-q", "busybox");
  if (images.trim()) return "already there";
  try {
    await run("pull", "busybox");
    return "pulled";
  } catch {
    await command([berth, "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
    return "no registry in reach: made from this machine's busybox";
  }
}

async function checkPage(url: string): Promise<void> {
  const text = await page(url);
  if (!text.includes("Berth works")) throw new Error(`Unexpected answer from ${url}:\n${text}`);
}

/** Headless: what a person would look at, checked. */
async function checkSample(url: string): Promise<void> {
  await step("Check: ps, logs, exec and inspect agree", async () => {
    const expect = (what: string, text: string, wanted: RegExp): void => {
      if (!wanted.test(text)) throw new Error(`${what} does not show ${wanted}:\n${text}`);
    };
    expect("berth ps", await run("ps"), new RegExp(`${name}.*Up .*${new URL(url).port}->8080/tcp`));
    expect("berth logs", await run("logs", name), /listening on port 8080/);
    expect("berth exec", await run("exec", name, "cat", "/www/built.txt"), /Built by Berth/);
    expect("berth inspect", await run("inspect", "--format", "{{.State.Status}}", name), /running/);
    expect(
      "the second build",
      await command([berth, "build", "--progress", "plain", "-t", name, sample], { env, all: true }),
      /RUN[^\n]*\n#\d+ CACHED/,
    );
  });
}

async function stopAll(): Promise<void> {
  await step("Stop and remove the container", () => run("rm", "-f", name).then(() => ""));
  await step("Stop the engine", () => run("engine", "stop").then(() => ""));
  const status = JSON.parse(
    await run("engine", "status", "--format", "json").catch((error: Error) => error.message.match(/\{[\s\S]*\}/)?.[0] ?? "{}"),
  ) as { running?: boolean };
  if (status.running) throw new Error("The engine still runs after `berth engine stop`");
}

/** The desktop VS Code if there is one, else the npm-packaged server in a browser. */
async function openEditor(): Promise<void> {
  const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
  const vsix = join(root, `dist/berth-${version}.vsix`);
  await step("Package the extension", () =>
    command([join(root, "node_modules/.bin/vsce"), "package", "--no-dependencies", "--no-rewrite-relative-links", "-o", vsix]).then(
      () => "",
    ),
  );
  const desktop = which("code");
  if (desktop && (process.env["DISPLAY"] || process.env["WAYLAND_DISPLAY"])) return openDesktop(desktop, vsix);
  const { startVscode } = await import("./vscode.ts");
  const server = await step("Start VS Code", () => startVscode({ folder: sample, vsix, env }));
  console.log(`\n  VS Code with Berth is at  ${server.url}`);
  console.log("  Ctrl-C ends VS Code; the container and its engine go on. The same engine in a terminal:");
  console.log(`  export BERTH_ROOT=${env.BERTH_ROOT}\n  ${berth} ps\n  ${berth} engine stop\n`);
  const opener = process.env["DISPLAY"] ? which("xdg-open") : undefined;
  if (opener) spawn(opener, [server.url], { stdio: "ignore", detached: true }).unref();
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await server.stop();
}

async function openDesktop(code: string, vsix: string): Promise<void> {
  const profile = ["--user-data-dir", join(root, ".berth/code"), "--extensions-dir", join(root, ".berth/extensions")];
  await step("Install Berth into VS Code", () =>
    command([code, ...profile, "--install-extension", vsix, "--force"], { env }).then(() => ""),
  );
  spawn(code, [...profile, "--new-window", sample], { env, stdio: "ignore", detached: true }).unref();
  if (!existsSync(sample)) throw new Error(`Cannot find the sample workspace ${sample}`);
}
