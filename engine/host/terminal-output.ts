/** What Node does not offer for the terminal that this process runs in. No native code here. */
import { spawnSync } from "node:child_process";

/**
 * Stops the terminal at stdin from turning line feeds into more than that: Node's raw mode does so for what is typed only,
 * and programs that draw their own screen send line feeds that mean nothing else. Leaving raw mode undoes it.
 * Without `stty` nothing happens.
 */
export function passOutputThrough(): void {
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}
