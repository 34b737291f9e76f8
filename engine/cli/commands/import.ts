import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { command } from "../cli.ts";
import { list, text } from "../flags.ts";
import { showProgress } from "../progress.ts";

export const importImage = command({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  arity: [1, 2],
  flags: {
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: text("Set commit message for imported image", { short: "m" }),
    platform: text("Set platform if server is multi-platform capable"),
  },
  async run(cli, { args: [source = "", repo], flags }) {
    const client = await cli.client();
    const isUrl = /^(https?|ftp):\/\//.test(source);
    const options = {
      repo,
      message: flags.message || undefined,
      changes: flags.change,
      platform: flags.platform || undefined,
      signal: cli.signal,
    };
    if (isUrl) return showProgress(cli, client.images.import({ ...options, source }));
    const path = resolve(cli.cwd, source);
    if (source !== "-") await (await open(path)).close();
    const tar = source === "-" ? cli.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
    await showProgress(cli, client.images.import({ ...options, source: "-", tar }));
  },
});
