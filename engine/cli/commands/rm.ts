import { isStatus } from "../../client/errors.ts";
import { command, forEach } from "../cli.ts";
import { bool } from "../flags.ts";

export const rm = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {
    force: bool("Force the removal of a running container (uses SIGKILL)", { short: "f" }),
    link: bool("Remove the specified link", { short: "l" }),
    volumes: bool("Remove anonymous volumes associated with the container", { short: "v" }),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    return forEach(cli, args, async (given) => {
      const name = given.replace(/^\/|\/$/g, "");
      if (name === "") throw new Error("container name cannot be empty");
      const { force, link, volumes } = flags;
      try {
        await client.containers.remove(name, { force, link, volumes, signal: cli.signal });
      } catch (error) {
        // With --force a container that is not there is as removed as can be, but scripts are told.
        if (!force || !isStatus(error, 404)) throw error;
        cli.complain(`Error response from daemon: ${error.message}`);
        return "";
      }
      return given;
    });
  },
});
