/** Container events, with the attributes that Docker gives them. */
import type { Events } from "../events.ts";
import type { ContainerRecord } from "./containers.ts";

/** Publishes `action` of a container: its labels, image and name, and what belongs to the action. */
export function announce(events: Events, record: ContainerRecord, action: string, extra: Readonly<Record<string, string>> = {}): void {
  const { config, id, imageName, name } = record;
  events.publish("container", action, id, { ...config.Labels, image: imageName, name, ...extra });
}
