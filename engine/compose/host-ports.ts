/** Host ports that a plan needs and that somebody else has: found before anything is made, not when half of it runs. Pure. */
import type { ContainerSummary } from "../api/types/container.ts";
import { nameOf } from "./observe.ts";
import type { Plan, Step } from "./plan.ts";
import { overlap } from "./port-clashes.ts";
import type { Project } from "./project.ts";

/** A host port that a container about to start publishes. */
export interface WantedPort {
  readonly service: string;
  /** Empty: every address. */
  readonly address: string;
  readonly port: number;
  readonly protocol: string;
}

/** Fixed host ports of what a plan starts; those that the engine chooses cannot be taken. */
export function wantedPorts(project: Project, plan: Plan): WantedPort[] {
  const starting = new Set(plan.steps.flatMap((step) => (step.kind === "start" ? [step.service] : [])));
  return [...starting].flatMap((service) =>
    (project.services[service]?.ports ?? []).flatMap(({ published = "", host_ip: address = "", protocol = "tcp" }) => {
      const port = /^\d+$/.test(published) ? Number(published) : 0;
      return port > 0 ? [{ service, address, port, protocol }] : [];
    }),
  );
}

/** The running container that keeps a port in spite of the plan. */
export function holderOf(wanted: WantedPort, running: readonly ContainerSummary[], plan: Plan): ContainerSummary | undefined {
  const going = new Set(plan.steps.flatMap(goingId));
  const mine = new Set(plan.steps.flatMap((step) => (step.kind === "start" ? [step.name] : [])));
  return running.find((one) => !going.has(one.Id) && !mine.has(nameOf(one)) && publishes(one, wanted));
}

function goingId(step: Step): string[] {
  if (step.kind === "remove" || step.kind === "stop") return [step.container.Id];
  return step.kind === "create" && step.replaces ? [step.replaces.Id] : [];
}

/** Whether a container has the host port now. */
export function publishes({ Ports }: Pick<ContainerSummary, "Ports">, wanted: WantedPort): boolean {
  return (Ports ?? []).some(
    ({ PublicPort, Type, IP = "" }) => PublicPort === wanted.port && Type === wanted.protocol && overlap(IP, wanted.address),
  );
}

/** The sentence of the engine, with the service and who has the port. */
export function takenSentence({ service, address, port }: WantedPort, holder: string): string {
  const place = `${address.includes(":") ? `[${address}]` : address || "0.0.0.0"}:${port}`;
  return `service ${JSON.stringify(service)}: Bind for ${place} failed: port is already allocated by ${holder}`;
}
