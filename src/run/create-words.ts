/** A network and a volume that exist as what one would type behind `network create` and `volume create`. Pure. */
import type { Network } from "../../engine/api/types/network.ts";
import type { Volume } from "../../engine/api/types/volume.ts";

const on = (flag: string, value: boolean | undefined): string[] => (value ? [flag] : []);
const one = (flag: string, value: string | undefined): string[] => (value ? [flag, value] : []);
const pairs = (flag: string, values: Readonly<Record<string, string>> | null | undefined): string[] =>
  Object.entries(values ?? {}).flatMap(([name, value]) => [flag, `${name}=${value}`]);

/** Compose's own labels are left out: what is made by hand is of no project. */
function labels(values: Readonly<Record<string, string>> | null | undefined): string[] {
  return pairs("--label", Object.fromEntries(Object.entries(values ?? {}).filter(([name]) => !name.startsWith("com.docker.compose."))));
}

export function networkWords({ Name, Driver, Internal, Attachable, EnableIPv4, EnableIPv6, IPAM, Options, Labels }: Network): string[] {
  const pools = IPAM.Config ?? [];
  return [
    ...one("--driver", Driver === "bridge" ? "" : Driver),
    ...on("--internal", Internal),
    ...on("--attachable", Attachable),
    ...on("--ipv4=false", EnableIPv4 === false),
    ...on("--ipv6", EnableIPv6),
    ...one("--ipam-driver", IPAM.Driver === "default" ? "" : IPAM.Driver),
    ...pairs("--ipam-opt", IPAM.Options),
    ...pools.flatMap(({ Subnet, IPRange, Gateway, AuxiliaryAddresses }) => [
      ...one("--subnet", Subnet),
      ...one("--ip-range", IPRange),
      ...one("--gateway", Gateway),
      ...pairs("--aux-address", AuxiliaryAddresses),
    ]),
    ...pairs("--opt", Options),
    ...labels(Labels),
    Name,
  ];
}

export function volumeWords({ Name, Driver, Options, Labels }: Volume): string[] {
  return [...one("--driver", Driver === "local" ? "" : Driver), ...pairs("--opt", Options), ...labels(Labels), Name];
}
