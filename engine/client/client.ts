/**
 * A typed client of the Docker Engine API, for any engine that speaks it: ours, dockerd, podman, near or far.
 *
 *     const docker = connect("unix:///run/berth/berth.sock");
 *     for await (const event of docker.system.events({ signal })) …
 */
import { BuildRecords } from "./build-records.ts";
import { Builds } from "./build.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./connection.ts";
import { Containers } from "./containers.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { EndpointOptions } from "./endpoint.ts";
import { Execs } from "./exec.ts";
import { Files } from "./files.ts";
import { Images } from "./images.ts";
import { Networks } from "./networks.ts";
import { StatsHistory } from "./stats-history.ts";
import { System } from "./system.ts";
import { Volumes } from "./volumes.ts";

export interface DockerClient {
  /** For calls that have no method of their own, e.g. those under `/berth/`. */
  readonly connection: Connection;
  readonly containers: Containers;
  readonly images: Images;
  readonly builds: Builds;
  /** What builds did and would do; of our own engine only. */
  readonly buildRecords: BuildRecords;
  readonly execs: Execs;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Files of volumes, containers and images; only Berth's own engine knows them. */
  readonly files: Files;
  /** Of our own engine only. */
  readonly statsHistory: StatsHistory;
  readonly system: System;
  /** Ends idle connections. */
  close(): Promise<void>;
}

/**
 * A client of the engine at `endpoint` (`unix://`, `tcp://`, `http://`, `https://`). Nothing is sent before the first call.
 *
 * @throws {Error} when the address cannot be read
 */
export function connect(endpoint: string, options: EndpointOptions & ConnectionOptions = {}): DockerClient {
  const connection = new Connection(parseEndpoint(endpoint, options), options);
  return {
    connection,
    containers: new Containers(connection),
    images: new Images(connection),
    builds: new Builds(connection),
    buildRecords: new BuildRecords(connection),
    execs: new Execs(connection),
    networks: new Networks(connection),
    volumes: new Volumes(connection),
    files: new Files(connection),
    statsHistory: new StatsHistory(connection),
    system: new System(connection),
    close: () => connection.close(),
  };
}
