/**
 * What `up`, `create`, `scale`, `run` and `watch` share: images, plan, execution.
 */
import type { DockerClient } from "../../client/client.ts";
import { execute } from "../../compose/execute.ts";
import type { ExecuteOptions } from "../../compose/execute.ts";
import { planImages } from "../../compose/images.ts";
import { observe } from "../../compose/observe.ts";
import type { Present } from "../../compose/observe.ts";
import { inStartOrder, selectServices } from "../../compose/order.ts";
import { planUp } from "../../compose/plan-up.ts";
import type { UpOptions } from "../../compose/plan-up.ts";
import type { Plan } from "../../compose/plan.ts";
import type { Project } from "../../compose/project.ts";
import type { ServiceConfig } from "../../compose/service.ts";
import { ExitError } from "../cli.ts";
import { confirm } from "../prompt.ts";
import type { Compose } from "./compose.ts";
import { checkHostPorts } from "./host-ports.ts";
import { getImages } from "./image-steps.ts";

/** What the user said about bringing a project up. */
export interface ConvergeOptions {
  /** Services that were named; all when empty. */
  readonly named: readonly string[];
  readonly dependencies: boolean;
  readonly build?: boolean;
  readonly noBuild?: boolean;
  readonly pull?: string;
  readonly quietPull?: boolean;
  readonly quietBuild?: boolean;
  readonly assumeYes?: boolean;
  readonly up?: Omit<UpOptions, "services" | "named">;
  readonly execute?: Partial<
    Pick<ExecuteOptions, "renewVolumes" | "stopTimeoutSeconds" | "waitTimeoutSeconds" | "beforeStart" | "onHookOutput" | "enough">
  >;
  readonly title?: string;
  /** Sees the plan before it is carried out. */
  readonly onPlan?: (plan: Plan) => void;
}

/** Makes an engine's project what the file says. @returns what was there before, and the services that were meant */
export async function converge(
  compose: Compose,
  project: Project,
  options: ConvergeOptions,
): Promise<{ services: string[]; present: Present }> {
  const services = choose(project, options.named, options.dependencies);
  // A circle is told before anything is pulled or built.
  inStartOrder(Object.fromEntries(services.map((name) => [name, project.services[name]!])));
  const client = await compose.client();
  const present = await withImages(compose, client, { project, services, options });
  const answers = await askAboutVolumes(compose, project, present, options);
  const { named } = options;
  const plan = planUp(project, present, {
    ...options.up,
    services,
    ...(named.length > 0 ? { named } : {}),
    replaceVolume: (name) => answers.has(name),
  });
  if (!compose.dryRun) await checkHostPorts(compose, client, project, plan);
  for (const warning of plan.warnings) compose.warn(warning);
  options.onPlan?.(plan);
  await compose.progress(options.title ?? "Running", (progress) =>
    execute(client, plan, {
      project,
      present,
      ...options.execute,
      onProgress: progress.event,
      dryRun: compose.dryRun,
      parallel: compose.parallel,
      signal: compose.signal,
    }),
  );
  return { services, present };
}

function choose(project: Project, named: readonly string[], dependencies: boolean): string[] {
  try {
    return selectServices(project, named, { dependencies });
  } catch (error) {
    throw new ExitError(1, (error as Error).message);
  }
}

interface ImageWish {
  readonly project: Project;
  readonly services: readonly string[];
  readonly options: ConvergeOptions;
}

/** What is there once all images are. */
export async function withImages(compose: Compose, client: DockerClient, { project, services, options }: ImageWish): Promise<Present> {
  const { signal } = compose;
  const present = await observe(client, project, { services, signal });
  const { build = false, noBuild = false, pull = "" } = options;
  const steps = planImages(project, present, { services, build, noBuild, pull, now: compose.cli.now() });
  if (steps.length === 0) return present;
  await getImages(compose, project, steps, { quietPull: options.quietPull ?? false, quietBuild: options.quietBuild ?? false });
  return observe(client, project, { services, signal });
}

/** Which volumes of another configuration may go with their data. */
async function askAboutVolumes(compose: Compose, project: Project, present: Present, { assumeYes }: ConvergeOptions): Promise<Set<string>> {
  const differing: string[] = [];
  planUp(project, present, { services: Object.keys(project.services), replaceVolume: (name) => (differing.push(name), false) });
  const agreed = new Set<string>();
  for (const name of new Set(differing)) {
    const question = `Volume ${JSON.stringify(name)} exists but doesn't match configuration in compose file. Recreate (data will be lost)?`;
    const yes = assumeYes ?? false;
    if (yes || (compose.cli.stdin.isTTY && (await confirm(compose.cli, question)))) agreed.add(name);
    else
      compose.warn(
        `volume ${JSON.stringify(name)} exists but doesn't match configuration in compose file: it is kept as it is; --yes replaces it, and its data is lost`,
      );
  }
  return agreed;
}

/** `service=3` texts applied to the project's services. @throws {ExitError} */
export function applyScale(project: Project, texts: readonly string[]): Project {
  const services = { ...project.services };
  for (const text of texts) {
    const [, name = "", count = ""] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (!name) throw new ExitError(1, `invalid scale specifier: ${text}`);
    if (!/^\d+$/.test(count)) throw new ExitError(1, `invalid scale specifier: can't parse replica value as int: ${text}`);
    if (!Object.hasOwn(services, name)) throw new ExitError(1, `no such service: ${name}: not found`);
    services[name] = scaled(services[name]!, Number(count));
  }
  return { ...project, services };
}

function scaled(service: ServiceConfig, scale: number): ServiceConfig {
  return { ...service, scale, ...(service.deploy ? { deploy: { ...service.deploy, replicas: scale } } : {}) };
}
