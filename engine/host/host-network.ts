/** What is asked of and done to the host's own network: by the engine itself at its end, else by netd. */
import { errorCode } from "./libc.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";
import type { Link } from "./netlink.ts";
import {
  addRoute,
  deleteLink,
  deleteRoute,
  getAddresses,
  getLink,
  getLinks,
  getRoutes,
  readAddress,
  readLink,
  readRoute,
} from "./netlink.ts";
import type { NftTable } from "./nft.ts";
import { removeTable } from "./nft.ts";

/** What the host's own network uses, so that ours stays clear of it. Interfaces of `ours` are left out. */
export interface NetworkInUse {
  /** Destinations of routes and networks of addresses, as prefixes; no default routes. */
  readonly taken: readonly string[];
  readonly links: readonly Link[];
  /** Whether it has a default route for IPv6. */
  readonly hasIpv6: boolean;
}

/** Works in the namespace in which it was made, wherever its thread goes later. All calls are synchronous. */
export class HostNetwork {
  protected readonly hostRoutes = new NetlinkSocket(NETLINK_ROUTE);
  readonly #filter = new NetlinkSocket(NETLINK_NETFILTER);

  hostNetwork({ ours }: { ours: readonly string[] }): NetworkInUse {
    const links = this.hostRoutes.query(getLinks()).map(readLink);
    const skipped = new Set(links.filter(({ name }) => ours.includes(name)).map(({ index }) => index));
    const routes = this.hostRoutes.query(getRoutes()).flatMap((reply) => readRoute(reply) ?? []);
    const addresses = this.hostRoutes.query(getAddresses()).map(readAddress);
    return {
      taken: [
        ...routes.filter(({ to, index }) => !to.endsWith("/0") && !skipped.has(index)).map(({ to }) => to),
        ...addresses.filter(({ index }) => !skipped.has(index)).map(({ address, prefix }) => `${address}/${prefix}`),
      ],
      links,
      hasIpv6: routes.some(({ to, index }) => to.endsWith("/0") && to.includes(":") && !skipped.has(index)),
    };
  }

  /** Root only: the host reaches containers of the network `to` through the uplink. */
  hostRoute({ to, via, device }: { to: string; via: string; device: string }): void {
    const { index } = readLink(this.hostRoutes.query(getLink(device))[0]!);
    this.hostRoutes.run(addRoute({ to, via, index }));
  }

  /** Root only: undoes hostRoute(); one that is gone is fine. */
  removeHostRoute({ to, device }: { to: string; device: string }): void {
    absorbing(["ENODEV", "ESRCH"], () => {
      const { index } = readLink(this.hostRoutes.query(getLink(device))[0]!);
      this.hostRoutes.run(deleteRoute({ to, index }));
    });
  }

  /**
   * Root only: undoes vethUplink() and hostRoute(), and removes a table that a netd of long ago has left; what is gone is fine,
   * and a table that a living netd owns goes with it.
   */
  removeVethUplink({ device, table }: { device: string; table: Pick<NftTable, "family" | "name"> }): void {
    absorbing(["ENODEV"], () => this.hostRoutes.run(deleteLink(device)));
    absorbing(["EPERM"], () => this.#filter.runBatch(removeTable(table)));
  }
}

/** Does it; a failure with one of these codes is fine. */
export function absorbing(codes: readonly string[], act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!codes.includes(errorCode(error) ?? "")) throw error;
  }
}
