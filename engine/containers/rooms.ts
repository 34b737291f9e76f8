/** What the container room is built of: the rooms below it and the machine. */
import type { Events } from "../events.ts";
import type { Host } from "../host/host.ts";
import type { Images } from "../images/images.ts";
import type { Snapshots } from "../layers/snapshots.ts";
import type { Networks } from "../networks/networks.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Volumes } from "../volumes/volumes.ts";

export interface Rooms {
  readonly host: Pick<Host, "paths" | "rootless" | "cgroups">;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly runtime: Runtime;
  readonly events: Events;
}
