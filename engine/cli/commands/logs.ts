import { command } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { readTimestamp } from "../time.ts";

export const logs = command({
  usage: "[OPTIONS] CONTAINER",
  arity: [1, 1],
  flags: {
    details: bool("Show extra details provided to logs"),
    follow: bool("Follow log output", { short: "f" }),
    since: text('Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
    tail: text("Number of lines to show from the end of the logs", { short: "n", initial: "all" }),
    timestamps: bool("Show timestamps", { short: "t" }),
    until: text('Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
  },
  async run(cli, { args: [name = ""], flags }) {
    const client = await cli.client();
    const { Id, Config } = await client.containers.inspect(name, { signal: cli.signal });
    const { follow, timestamps, details } = flags;
    const output = await client.containers.logs(Id, {
      follow,
      timestamps,
      details,
      since: readLimit("since", flags.since, cli.now()),
      until: readLimit("until", flags.until, cli.now()),
      tail: flags.tail,
      tty: Config.Tty ?? false,
      signal: cli.signal,
    });
    await output.copyTo({ stdout: cli.stdout, stderr: cli.stderr });
  },
});

function readLimit(name: string, value: string, now: number): string | undefined {
  try {
    return readTimestamp(value, now);
  } catch (error) {
    throw new Error(`invalid value for "${name}": ${(error as Error).message}`);
  }
}
