import { command } from "../cli.ts";
import { bool, int, list, strings, text } from "../flags.ts";
import { pairs } from "../run-config/text.ts";

export const networkConnect = command({
  usage: "[OPTIONS] NETWORK CONTAINER",
  arity: [2, 2],
  flags: {
    alias: strings("Add network-scoped alias for the container"),
    "driver-opt": strings("driver options for the network"),
    "gw-priority": int("Highest gw-priority provides the default gateway. Accepts positive and negative values."),
    ip: text('IPv4 address (e.g., "172.30.100.104")'),
    ip6: text('IPv6 address (e.g., "2001:db8::33")'),
    link: list("Add link to another container"),
    "link-local-ip": strings("Add a link-local address for the container"),
  },
  async run(cli, { args: [network = "", container = ""], flags }) {
    const client = await cli.client();
    const linkLocal = flags["link-local-ip"];
    const endpoint = {
      IPAMConfig: {
        ...(flags.ip ? { IPv4Address: flags.ip } : {}),
        ...(flags.ip6 ? { IPv6Address: flags.ip6 } : {}),
        ...(linkLocal.length > 0 ? { LinkLocalIPs: [...linkLocal] } : {}),
      },
      Links: flags.link.length > 0 ? [...flags.link] : null,
      Aliases: [...flags.alias],
      DriverOpts: pairs(flags["driver-opt"]),
      GwPriority: flags["gw-priority"] ?? 0,
    };
    await client.networks.connect(network, container, { endpoint, signal: cli.signal });
  },
});

export const networkDisconnect = command({
  usage: "[OPTIONS] NETWORK CONTAINER",
  arity: [2, 2],
  flags: {
    force: bool("Force the container to disconnect from a network", { short: "f" }),
  },
  async run(cli, { args: [network = "", container = ""], flags }) {
    const client = await cli.client();
    await client.networks.disconnect(network, container, { force: flags.force, signal: cli.signal });
  },
});
