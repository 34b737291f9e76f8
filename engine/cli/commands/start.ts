import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { describeError } from "../errors.ts";
import { bool, text } from "../flags.ts";
import { NO_PROXY, proxySignals, runSession } from "../session.ts";
import { followSize } from "../terminal.ts";

export const start = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {
    attach: bool("Attach STDOUT/STDERR and forward signals", { short: "a" }),
    checkpoint: text("Restore from this checkpoint"),
    "checkpoint-dir": text("Use a custom checkpoint storage directory"),
    "detach-keys": text("Override the key sequence for detaching a container"),
    interactive: bool("Attach container's STDIN", { short: "i" }),
  },
  async run(cli, { args, flags }) {
    if (flags.checkpoint || flags["checkpoint-dir"])
      throw new Error('"--checkpoint" is only supported on a Docker daemon with experimental features enabled');
    if (!flags.attach && !flags.interactive) return startAll(cli, args);
    if (args.length > 1) throw new Error("you cannot start and attach multiple containers at once");
    return startAttached(cli, args[0] ?? "", { stdin: flags.interactive, detachKeys: flags["detach-keys"] });
  },
});

async function startAll(cli: Cli, names: readonly string[]): Promise<number> {
  const client = await cli.client();
  const failed: string[] = [];
  for (const name of names) {
    try {
      await client.containers.start(name, { signal: cli.signal });
      cli.print(name);
    } catch (error) {
      if (cli.signal.aborted) throw error;
      cli.complain(describeError(error));
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new ExitError(1, `Error: failed to start containers: ${failed.join(", ")}`);
  return 0;
}

async function startAttached(cli: Cli, name: string, options: { stdin: boolean; detachKeys: string }): Promise<number> {
  const client = await cli.client();
  const { Id, Config, HostConfig } = await client.containers.inspect(name, { signal: cli.signal });
  const tty = Config.Tty ?? false;
  const stdin = options.stdin && (Config.OpenStdin ?? false);
  const detachKeys = options.detachKeys || ((await cli.settings()).file.detachKeys ?? "");
  const signals = tty ? NO_PROXY : await proxySignals(cli, Id);
  try {
    const attached = await client.containers.attach(Id, { stdin, detachKeys: detachKeys || undefined, tty });
    const session = runSession(cli, attached, { stdin, stdout: true, stderr: true, tty, detachKeys });
    const waiting = await client.containers.startWaiting(Id, { condition: HostConfig.AutoRemove ? "removed" : "next-exit" });
    await client.containers.start(Id);
    signals.started();
    const stopFollowing = tty ? followSize(cli.stdout, (size) => client.containers.resize(Id, size)) : () => {};
    const end = await session;
    stopFollowing();
    return end === "detached" ? 0 : (await waiting.exit).StatusCode;
  } finally {
    signals.stop();
  }
}
