import type { ContainerState } from "../../api/types/container.ts";
import { ExitError, command } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { NO_PROXY, proxySignals, runSession } from "../session.ts";
import { followSize } from "../terminal.ts";

export const attach = command({
  usage: "[OPTIONS] CONTAINER",
  arity: [1, 1],
  flags: {
    "detach-keys": text("Override the key sequence for detaching a container"),
    "no-stdin": bool("Do not attach STDIN"),
    "sig-proxy": bool("Proxy all received signals to the process", { initial: true }),
  },
  async run(cli, { args: [name = ""], flags }) {
    const client = await cli.client();
    const { Id, Config, State } = await client.containers.inspect(name, { signal: cli.signal });
    checkState(State);
    const tty = Config.Tty ?? false;
    const stdin = !flags["no-stdin"] && (Config.OpenStdin ?? false);
    if (stdin && tty && !cli.stdin.isTTY) throw new Error("the input device is not a TTY");
    const detachKeys = flags["detach-keys"] || ((await cli.settings()).file.detachKeys ?? "");
    const signals = flags["sig-proxy"] && !tty ? await proxySignals(cli, Id) : NO_PROXY;
    signals.started();
    const waiting = await client.containers.startWaiting(Id, { signal: cli.signal });
    const attached = await client.containers.attach(Id, { stdin, detachKeys: detachKeys || undefined, tty, signal: cli.signal });
    const stopFollowing = tty ? followSize(cli.stdout, (size) => client.containers.resize(Id, size)) : () => {};
    try {
      const end = await runSession(cli, attached, { stdin, stdout: true, stderr: true, tty, detachKeys });
      if (end === "detached") throw new ExitError(1, "read escape sequence");
      return (await waiting.exit).StatusCode;
    } finally {
      stopFollowing();
      signals.stop();
    }
  },
});

function checkState(state: ContainerState): void {
  if (!state.Running) throw new Error("You cannot attach to a stopped container, start it first");
  if (state.Paused) throw new Error("You cannot attach to a paused container, unpause it first");
  if (state.Restarting) throw new Error("You cannot attach to a restarting container, wait until it is running");
}
