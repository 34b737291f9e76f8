/** The way to an engine; read only when there is one to talk to. */
import type { EventMessage } from "../../engine/api/types/system.ts";
import { connect } from "../../engine/client/client.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { jsonLines } from "../../engine/client/streams.ts";
import { resolveAddress } from "./address.ts";

/** @param address as in the setting `berth.endpoint`. @throws {Error} for one that means nothing */
export async function connectTo(address: string): Promise<DockerClient> {
  const { host, options } = await resolveAddress(address);
  return connect(host, options);
}

/** Everything that happens from the moment of the answer; ends with the connection. */
export async function eventsOf(client: DockerClient, signal: AbortSignal): Promise<AsyncIterable<EventMessage>> {
  return jsonLines<EventMessage>(await client.connection.stream("GET", "/events", { signal }));
}
