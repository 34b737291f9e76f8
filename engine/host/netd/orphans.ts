/**
 * The end of an engine whose directories somebody has deleted while no engine process lives: netd is what is left to notice.
 * Everything in this mount namespace is killed, and what the host has of the engine is removed.
 */
import { O, openDescriptor } from "../descriptor.ts";
import { removeGroups } from "../cgroup-removal.ts";
import { ownMountNamespace, processesBeside } from "../launch.ts";
import { enterNamespace } from "../namespace.ts";
import type { Netns } from "../netns.ts";
import { descendants } from "../process.ts";
import { switchForwardingOff, switchedForwarding } from "../forwarding.ts";
import type { Family } from "../forwarding.ts";
import { exitNow, sendSignal } from "../spawn.ts";
import { cgroupsOf } from "../traces.ts";
import { hostTableName, letPass } from "../uplink-veth.ts";

export class Orphans {
  readonly #name: string;
  readonly #mountNamespace: string;
  /** Made while this thread is still in the host's network namespace. */
  readonly #host = openDescriptor("/proc/self/ns/net", O.RDONLY | O.CLOEXEC);
  #ending = false;
  #switchedForwarding: readonly Family[] = [];

  /** @param name the engine's short name */
  constructor(name: string, networkNamespace: string) {
    this.#name = name;
    this.#mountNamespace = ownMountNamespace(networkNamespace);
  }

  /** Remembers what the engine's run directory says, for when it is gone. */
  look(run: string): void {
    this.#switchedForwarding = switchedForwarding(run);
  }

  /** Ends all, this process last. */
  async end(netns: Netns): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#mountNamespace === "") exitNow(0);
    const inside = processesBeside(this.#mountNamespace);
    for (const pid of [...inside, ...descendants(inside)]) sendSignal(pid, 9);
    try {
      netns.removeVethUplink({ device: this.#name, table: { family: "inet", name: hostTableName(this.#name) } });
      enterNamespace(this.#host, "net");
      await letPass(this.#name, "-D");
      if (this.#switchedForwarding.length > 0) switchForwardingOff(this.#switchedForwarding, netns.hostNetwork({ ours: [] }).links);
    } catch {
      // Without root there is nothing of it on the host.
    }
    await removeGroups(cgroupsOf(this.#name));
    exitNow(0);
  }
}
