import { exec as containerExec } from "../commands/exec.ts";
import { bool, int, list, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { findContainer, flagDefaults } from "./find.ts";

export const exec = composeCommand({
  usage: "[OPTIONS] SERVICE COMMAND [ARGS...]",
  arity: [2, Infinity],
  interspersed: false,
  flags: {
    detach: bool("Detached mode: Run command in the background", { short: "d" }),
    env: list("Set environment variables", { short: "e", type: "stringArray" }),
    index: int("Index of the container if service has multiple replicas"),
    interactive: bool("Keep STDIN open even if not attached", { short: "i", initial: true, hidden: true }),
    "no-tty": bool("Disable pseudo-TTY allocation. By default `docker compose exec` allocates a TTY.", { short: "T", alias: "no-TTY" }),
    privileged: bool("Give extended privileges to the process"),
    tty: bool("Allocate a pseudo-TTY", { short: "t", hidden: true }),
    user: text("Run the command as this user", { short: "u" }),
    workdir: text("Path to workdir directory for this command", { short: "w" }),
  },
  async run(compose, { args: [service = "", ...words], flags, given, path }) {
    const container = await findContainer(compose, service, { index: flags.index });
    if (compose.dryRun) return;
    const { cli } = compose;
    const tty = given.has("tty") ? flags.tty : !flags["no-tty"] && cli.stdin.isTTY === true && cli.stdout.isTTY === true;
    const { detach, env, interactive, privileged, user, workdir } = flags;
    const own = { detach, env, interactive, privileged, user, workdir, tty };
    return (
      (await containerExec.run(cli, {
        args: [container.Id, ...words],
        flags: { ...flagDefaults(containerExec.flags), ...own },
        given,
        path,
      })) ?? 0
    );
  },
});
