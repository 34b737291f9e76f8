import { command } from "../cli.ts";
import { checkPullMode, createContainer, withProxies } from "../create-container.ts";
import { bool, text } from "../flags.ts";
import { containerConfig } from "../run-config/container.ts";
import { CONTAINER_FLAGS, CREATE_FLAGS } from "../run-config/flags.ts";

export const create = command({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: [1, Infinity],
  interspersed: false,
  flags: {
    ...CONTAINER_FLAGS,
    ...CREATE_FLAGS,
    pull: text('Pull image before creating ("always", "|missing", "never")', { initial: "missing" }),
    rm: bool("Automatically remove the container and its associated anonymous volumes when it exits"),
  },
  async run(cli, { args, flags, given }) {
    checkPullMode(flags.pull);
    const config = await containerConfig({ flags, given, args, autoRemove: flags.rm }, cli);
    cli.print(await createContainer(cli, await withProxies(cli, config), flags));
  },
});
