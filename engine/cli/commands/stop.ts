import { command, forEach } from "../cli.ts";
import { int, text } from "../flags.ts";

const STOP_FLAGS = {
  signal: text("Signal to send to the container", { short: "s" }),
  timeout: int("Seconds to wait before killing the container", { short: "t", alias: "time", aliasDeprecated: true }),
};

export const stop = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: STOP_FLAGS,
  async run(cli, { args, flags }) {
    const client = await cli.client();
    const options = { stopSignal: flags.signal || undefined, timeoutSeconds: flags.timeout, signal: cli.signal };
    return forEach(cli, args, async (name) => void (await client.containers.stop(name, options)));
  },
});

export const restart = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: STOP_FLAGS,
  async run(cli, { args, flags }) {
    const client = await cli.client();
    const options = { stopSignal: flags.signal || undefined, timeoutSeconds: flags.timeout, signal: cli.signal };
    return forEach(cli, args, (name) => client.containers.restart(name, options));
  },
});

export const kill = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {
    signal: text("Signal to send to the container", { short: "s" }),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    const options = { killSignal: flags.signal || undefined, signal: cli.signal };
    return forEach(cli, args, (name) => client.containers.kill(name, options));
  },
});
