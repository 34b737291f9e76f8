/** What "Copy Equivalent Command" offers for a container, a network and a volume, typed into docker's own command. */
import assert from "node:assert/strict";
import type { ContainerInspect } from "../../engine/api/types/container.ts";
import type { Network } from "../../engine/api/types/network.ts";
import type { Volume } from "../../engine/api/types/volume.ts";
import { networkWords, volumeWords } from "../../src/run/create-words.ts";
import { containerWords } from "../../src/run/words.ts";

/** Each is a container with many options at once. */
const CONTAINERS: Readonly<Record<string, string>> = {
  limits:
    "--memory 64m --memory-swap 96m --memory-reservation 32m --cpu-shares 512 --cpuset-cpus 0 --pids-limit 100 --ulimit nofile=100:200 --shm-size 32m --oom-score-adj 100",
  checks:
    "--health-cmd true --health-interval 500ms --health-retries 2 --restart on-failure:3 --stop-timeout 3 --log-opt max-size=1m --label a=b",
  mounts: "-v /anonymous -v named:/named:ro --mount type=volume,src=third,dst=/third,volume-nocopy --mount type=tmpfs,dst=/t,tmpfs-size=1m",
  names: "--hostname h --domainname d --dns 10.0.0.1 --dns-search a.b --add-host a:10.1.2.3 --expose 99/udp -P --group-add 27 -u 1000:1000",
  rights: "-it --cap-add NET_ADMIN --security-opt no-new-privileges --read-only --init --entrypoint sh -w /tmp --annotation x=y",
  networks: "--network name=equal,alias=one,ip=10.66.7.9 --network equal2",
};

const NETWORKS = [
  "--internal --attachable --subnet 10.66.8.0/24 --ip-range 10.66.8.128/25 --gateway 10.66.8.1 --aux-address other=10.66.8.5 --label a=b",
  "--ipv6 --subnet 10.66.9.0/24 --subnet fd66:9::/64 --opt com.docker.network.bridge.enable_icc=false --opt com.docker.network.driver.mtu=1400",
];
const VOLUMES = ["--label a=b --label c=", "--opt type=tmpfs --opt device=tmpfs --opt o=size=1m,mode=0700"];

/**
 * Makes each by docker, and once more by the words for it.
 * @param says runs docker; gives what it prints
 */
export async function checkEquivalents(says: Says): Promise<void> {
  const inspect = async (name: string): Promise<ContainerInspect> => (JSON.parse(await says(["inspect", name])) as [ContainerInspect])[0];
  await says(["network", "create", "--subnet", "10.66.7.0/24", "equal"]);
  await says(["network", "create", "equal2"]);
  for (const [name, options] of Object.entries(CONTAINERS)) {
    await says(["create", "--name", name, ...options.split(" "), "busybox", "-c", "it's  $HOME"]);
    const before = await inspect(name);
    await says(["rm", "-v", name]);
    await says(["create", ...containerWords(before, {}).filter((word) => word !== "--detach")]);
    assert.deepEqual(shown(await inspect(name)), shown(before), name);
    await says(["rm", "-v", name]);
  }
  await says(["network", "rm", "equal", "equal2"]);
  await says(["volume", "rm", "named", "third"]);
  for (const options of NETWORKS) await checkNetwork(says, options.split(" "));
  for (const options of VOLUMES) await checkVolume(says, options.split(" "));
}

type Says = (args: readonly string[]) => Promise<string>;

async function checkNetwork(says: Says, options: readonly string[]): Promise<void> {
  const inspect = async (): Promise<Network> => (JSON.parse(await says(["network", "inspect", "equal3"])) as [Network])[0];
  // The docker command sends subnets in no order: it keeps them in a map of Go.
  const chosen = ({ Id: _id, Created: _created, IPAM, ...rest }: Network): unknown => ({
    ...rest,
    IPAM: { ...IPAM, Config: IPAM.Config?.toSorted((a, b) => (a.Subnet ?? "").localeCompare(b.Subnet ?? "")) },
  });
  await says(["network", "create", ...options, "equal3"]);
  const before = await inspect();
  await says(["network", "rm", "equal3"]);
  await says(["network", "create", ...networkWords(before)]);
  assert.deepEqual(chosen(await inspect()), chosen(before), options.join(" "));
  await says(["network", "rm", "equal3"]);
}

async function checkVolume(says: Says, options: readonly string[]): Promise<void> {
  const inspect = async (): Promise<Volume> => (JSON.parse(await says(["volume", "inspect", "equal4"])) as [Volume])[0];
  await says(["volume", "create", ...options, "equal4"]);
  const before = await inspect();
  await says(["volume", "rm", "equal4"]);
  await says(["volume", "create", ...volumeWords(before)]);
  const { CreatedAt: _before, ...want } = before;
  const { CreatedAt: _after, ...have } = await inspect();
  assert.deepEqual(have, want, options.join(" "));
  await says(["volume", "rm", "equal4"]);
}

/** What was chosen for it: no ids, times, states, or names that an engine makes up. */
function shown({ Id, Config, HostConfig, NetworkSettings }: ContainerInspect): unknown {
  const { Hostname, ...config } = Config;
  const endpoints = Object.entries(NetworkSettings.Networks).map(([network, { Aliases, IPAMConfig }]) => [
    network,
    (Aliases ?? []).filter((alias) => alias !== Id.slice(0, 12)),
    IPAMConfig,
  ]);
  return { config, host: HostConfig, named: Hostname !== Id.slice(0, 12) && Hostname, endpoints };
}
