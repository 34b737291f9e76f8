/**
 * `start` and `stop` of what is there already.
 */
import { nameOf, replicasOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import { inStartOrder, startNeeds } from "./order.ts";
import { PlanBuilder } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Project } from "./project.ts";

export { planStop } from "./plan-down.ts";

/** The steps of `start`: containers in the order of their needs, waiting where conditions say so. */
export function planStart(project: Project, present: Present, options: { services: readonly string[]; wait: boolean }): Plan {
  const plan = new PlanBuilder();
  const names = options.services.length > 0 ? options.services : Object.keys(project.services);
  const containers = new Map(inStartOrder(project.services).map((name) => [name, replicasOf(present.containers, name)]));
  const known = [...containers].flatMap(([service, replicas]) =>
    // Where nothing has to start, nothing is said of it.
    replicas.map((container) =>
      plan.add({
        kind: "keep",
        id: `keep ${nameOf(container)}`,
        container: { ...container, State: "created" },
        service,
        after: [],
        reason: "",
      }),
    ),
  );
  const wait = (
    service: string,
    condition: "service_healthy" | "service_completed_successfully" | "running_or_healthy",
    required: boolean,
  ): string => {
    const replicas = (containers.get(service) ?? []).map(nameOf);
    const after = [...known, ...replicas.map((one) => `start ${one}`)];
    return plan.add({
      kind: "wait",
      id: `wait ${service} ${condition}`,
      service,
      condition,
      required,
      names: replicas,
      after,
      reason: "others wait for it",
    });
  };
  for (const [service, replicas] of containers) {
    if (!names.includes(service)) continue;
    const resting = replicas.filter(({ State }) => State !== "running" && State !== "restarting");
    if (resting.length === 0) continue;
    const needs = Object.entries(startNeeds(project.services[service]!)).flatMap(([other, { condition, required }]) => {
      const others = containers.get(other) ?? [];
      if (others.length === 0) return [];
      return condition === "service_started" ? others.map((one) => `start ${nameOf(one)}`) : [wait(other, condition, required)];
    });
    for (const container of resting)
      plan.add({
        kind: "start",
        id: `start ${nameOf(container)}`,
        service,
        name: nameOf(container),
        after: [...known, ...needs],
        reason: "it was asked for",
      });
  }
  if (options.wait) for (const name of names) if ((containers.get(name) ?? []).length > 0) wait(name, "running_or_healthy", true);
  return plan.build(project.name);
}
