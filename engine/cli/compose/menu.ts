/** `up --menu`: keys that do something while containers run in the foreground, as docker compose has them. */
import type { Cli } from "../cli.ts";

export interface MenuKeys {
  /** @returns whether files are watched now */
  readonly watch: () => boolean;
  readonly detach: () => void;
  readonly interrupt: () => void;
}

const CTRL_C = "\x03";

/** Shows the keys and listens to them, where there is a terminal; the returned function gives it back. */
export function openMenu(cli: Pick<Cli, "stdin" | "complain">, keys: MenuKeys): () => void {
  const { stdin } = cli;
  if (!stdin.isTTY || !stdin.setRawMode) return () => {};
  const show = (watches: boolean): void => cli.complain(`w ${watches ? "Disable" : "Enable"} Watch   d Detach`);
  const onData = (data: Buffer | string): void => {
    for (const key of data.toString())
      if (key === "w") show(keys.watch());
      else if (key === "d") keys.detach();
      else if (key === CTRL_C) keys.interrupt();
  };
  stdin.setRawMode(true);
  stdin.on("data", onData).resume();
  show(false);
  return () => {
    stdin.off("data", onData).pause();
    stdin.setRawMode?.(false);
  };
}
