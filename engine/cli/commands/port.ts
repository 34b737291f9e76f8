import { command } from "../cli.ts";
import { joinAddress } from "./ps.ts";

export const port = command({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  arity: [1, 2],
  flags: {},
  async run(cli, { args: [name = "", wanted] }) {
    const client = await cli.client();
    const { NetworkSettings } = await client.containers.inspect(name, { signal: cli.signal });
    const ports = NetworkSettings.Ports ?? {};
    if (wanted === undefined) {
      const lines = Object.entries(ports).flatMap(([key, bindings]) => (bindings ?? []).map((binding) => `${key} -> ${address(binding)}`));
      for (const line of lines.toSorted(byPort)) cli.print(line);
      return;
    }
    const [number = "", protocol = "tcp"] = wanted.split("/");
    if (!/^\d+$/.test(number))
      throw new Error(`Error: invalid port (${number}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`);
    const bindings = ports[`${number}/${protocol}`];
    if (!bindings || bindings.length === 0) throw new Error(`Error: No public port '${wanted}' published for ${name}`);
    for (const line of bindings.map(address).toSorted()) cli.print(line);
  },
});

function address({ HostIp = "", HostPort = "" }: { HostIp?: string; HostPort?: string }): string {
  return joinAddress(HostIp, HostPort);
}

function byPort(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}
