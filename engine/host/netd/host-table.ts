/**
 * The one firewall table of ours in the host's own network namespace. netd has it because it lives as long as the published
 * ports do, and the table is its: with netd it is gone, and who flushes all rules of the host does not flush it.
 */
import { log } from "../log.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../netlink-socket.ts";
import type { NftTable } from "../nft.ts";
import { replaceTable } from "../nft.ts";

export class HostTable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  #owned = true;

  /**
   * Puts `table` in place of the one before, in one step. Kernels before 5.12 know no owners.
   * @throws {NetlinkError}
   */
  load(table: NftTable): void {
    try {
      this.#socket.runBatch(replaceTable({ ...table, owned: this.#owned }));
    } catch (error) {
      if (!this.#owned) throw error;
      log("warn", error);
      this.#owned = false;
      this.#socket.runBatch(replaceTable(table));
    }
  }
}
