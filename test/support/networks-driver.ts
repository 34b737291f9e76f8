/**
 * The program behind networks-room.ts.
 *
 *     driver.mjs launch ROOT   makes the holder and runs itself inside
 *     driver.mjs serve ROOT    opens the networks room and obeys
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { Events } from "../../engine/events.ts";
import { ensureHolder, enterCommand, networkNamespacePath } from "../../engine/host/launch.ts";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { run } from "../../engine/host/process.ts";
import { openNetworks } from "../../engine/networks/bridge.ts";
import type { SandboxRequest } from "../../engine/networks/networks.ts";

const [, self = "", mode = "", root = "", rootless = ""] = process.argv;
const paths = enginePaths(root);

if (mode === "launch") await launch();
else await serve();

async function launch(): Promise<void> {
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const holder = await ensureHolder(paths);
  const [program = "", ...args] = enterCommand(holder, [process.execPath, self, "serve", root, holder.rootless ? "rootless" : "root"]);
  const child = spawn(program, args, { stdio: "inherit" });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  process.exitCode = code ?? (signal ? 137 : 1);
}

async function serve(): Promise<void> {
  for (const directory of [paths.storage, paths.state, paths.run]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const netns = networkNamespacePath(paths);
  const host = { paths, rootless: rootless === "rootless", name: engineName(paths), networkNamespace: netns };
  const networks = await openNetworks({ host, events: new Events() });
  const within = (path: string | null, argv: string[]): string[] => ["nsenter", `--net=${path ?? netns}`, ...argv];
  const extra: Record<string, (...args: never[]) => unknown> = {
    hello: () => ({ pid: process.pid }),
    inside: (path: string | null, argv: string[]) => run(within(path, argv)),
    serve: async (path: string, argv: string[]) => {
      const [program = "", ...args] = within(path, argv);
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
      await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      child.stdout.destroy();
      child.unref();
      return child.pid;
    },
    measure: async (request: SandboxRequest, count: number) => {
      const times: { attachMs: number[]; detachMs: number[] } = { attachMs: [], detachMs: [] };
      for (let turn = 0; turn < count; turn++) {
        const before = performance.now();
        await networks.attach(request);
        const between = performance.now();
        await networks.detach(request.containerId);
        times.attachMs.push(between - before);
        times.detachMs.push(performance.now() - between);
      }
      return times;
    },
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, call, args } = JSON.parse(line) as { id: number; call: string; args: never[] };
    const act = extra[call] ?? (networks[call as keyof typeof networks] as (...args: never[]) => unknown);
    void answer(id, () => act(...args));
  });
}

async function answer(id: number, act: () => unknown): Promise<void> {
  try {
    say({ id, result: await act() });
  } catch (error) {
    const { kind = "internal", message } = error as { kind?: string; message: string };
    say({ id, error: { kind, message } });
  }
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
