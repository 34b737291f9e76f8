import type { ExecCreateRequest } from "../../api/types/container.ts";
import { ExitError, command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, list, text } from "../flags.ts";
import { checkEnvironment, readEnvironment } from "../run-config/text.ts";
import { runSession } from "../session.ts";
import { followSize } from "../terminal.ts";

export const exec = command({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  arity: [2, Infinity],
  interspersed: false,
  flags: {
    detach: bool("Detached mode: run command in the background", { short: "d" }),
    "detach-keys": text("Override the key sequence for detaching a container"),
    env: list("Set environment variables", { short: "e", check: checkEnvironment }),
    "env-file": list("Read in a file of environment variables"),
    interactive: bool("Keep STDIN open even if not attached", { short: "i" }),
    privileged: bool("Give extended privileges to the command"),
    tty: bool("Allocate a pseudo-TTY", { short: "t" }),
    user: text('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
    workdir: text("Working directory inside the container", { short: "w" }),
  },
  async run(cli, { args: [container = "", ...command], flags }) {
    const Env = await readEnvironment(flags["env-file"], flags.env, cli);
    const client = await cli.client();
    // A missing container is told before anything is made of it.
    await client.containers.inspect(container, { signal: cli.signal });
    const attached = !flags.detach;
    if (attached && flags.interactive && flags.tty && !cli.stdin.isTTY) throw new Error("the input device is not a TTY");
    const config: ExecCreateRequest = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: flags.tty,
      ...consoleSize(cli, flags.tty),
      AttachStdin: attached && flags.interactive,
      AttachStderr: attached,
      AttachStdout: attached,
      DetachKeys: flags["detach-keys"] || ((await cli.settings()).file.detachKeys ?? ""),
      Env: Env.length > 0 ? Env : null,
      WorkingDir: flags.workdir,
      Cmd: command,
    };
    const id = await client.execs.create(container, config, { signal: cli.signal });
    if (!attached) return client.execs.startDetached(id, { tty: flags.tty, signal: cli.signal });
    return runAttached(cli, id, config);
  },
});

function consoleSize(cli: Cli, tty: boolean): Pick<ExecCreateRequest, "ConsoleSize"> {
  return tty ? { ConsoleSize: [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0] } : {};
}

async function runAttached(cli: Cli, id: string, config: ExecCreateRequest): Promise<number> {
  const client = await cli.client();
  const tty = config.Tty ?? false;
  const started = await client.execs.start(id, { Tty: tty, ...consoleSize(cli, tty) }, { signal: cli.signal });
  const stopFollowing = tty ? followSize(cli.stdout, (size) => client.execs.resize(id, size)) : () => {};
  const detachKeys = config.DetachKeys ?? "";
  const end = await runSession(cli, started, { stdin: config.AttachStdin ?? false, stdout: true, stderr: true, tty, detachKeys });
  stopFollowing();
  if (end === "detached") throw new ExitError(1, "read escape sequence");
  return (await client.execs.inspect(id)).ExitCode ?? 0;
}
