/**
 * The one container of a service that a verb is about.
 */
import type { ContainerSummary } from "../../api/types/container.ts";
import { isOneOff, numberOf, serviceOf } from "../../compose/observe.ts";
import { ExitError } from "../cli.ts";
import type { Compose } from "./compose.ts";
import { containersOf } from "./life.ts";

/** @param index which replica; 0 for the first one @throws {ExitError} in docker compose's words */
export async function findContainer(
  compose: Compose,
  service: string,
  options: { index?: number | undefined; stopped?: boolean },
): Promise<ContainerSummary> {
  const { project } = await compose.projectOrName();
  const all = (await containersOf(compose, project, [service])).filter(
    (one) => serviceOf(one) === service && !isOneOff(one) && (options.stopped || one.State === "running" || one.State === "paused"),
  );
  const sorted = all.toSorted((a, b) => numberOf(a) - numberOf(b));
  const found = options.index ? sorted.find((one) => numberOf(one) === options.index) : sorted[0];
  if (found) return found;
  if (options.index) throw new ExitError(1, `service ${JSON.stringify(service)} is not running container #${options.index}`);
  throw new ExitError(1, `service ${JSON.stringify(service)} is not running`);
}

/** Values of flags that a delegated command has and ours have not: what they are when nobody gives them. */
export function flagDefaults(table: Readonly<Record<string, { readonly initial: unknown }>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([name, flag]) => [name, flag.initial]));
}
