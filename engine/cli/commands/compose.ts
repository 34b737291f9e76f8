import { ExitError, command } from "../cli.ts";

export const compose = command({
  usage: "COMMAND",
  arity: [0, Infinity],
  interspersed: false,
  flags: {},
  run() {
    return Promise.reject(
      new ExitError(
        1,
        "berth compose is not there yet; until it is, docker compose works with this engine: DOCKER_HOST=$(berth engine socket) docker compose …",
      ),
    );
  },
});
