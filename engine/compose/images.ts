/**
 * Which images have to be got before containers can be made: pulled, built, or neither.
 */
import { durationNanoseconds } from "./units.ts";
import type { PresentImage, Present } from "./observe.ts";
import { imageOf, startNeeds } from "./order.ts";
import type { Node } from "./dag.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** `always`, `missing`, `never`, `build` and the like; a service's own policy where the user says nothing. */
export type PullPolicy = "always" | "missing" | "if_not_present" | "never" | "build" | "newer" | "";

export interface ImageOptions {
  readonly services: readonly string[];
  /** Builds what can be built, also when the image is there. */
  readonly build?: boolean;
  /** Builds nothing. */
  readonly noBuild?: boolean;
  readonly pull?: string;
  readonly now: number;
}

/** What has to be done for a service's image. */
export interface ImageStep {
  readonly service: string;
  readonly image: string;
  readonly action: "pull" | "build";
  /** A failed pull is no failure: the image can be built, or an older one is there. */
  readonly orElse?: "build" | "present";
  readonly reason: string;
}

/** Images to pull and to build; one step an image. @throws {Error} when one is missing and may not be got */
export function planImages(project: Project, present: Present, options: ImageOptions): ImageStep[] {
  const steps = new Map<string, ImageStep>();
  for (const name of options.services) {
    const service = project.services[name]!;
    if (service.provider) continue;
    const step = imageStep({ project, name, service, there: present.images.get(imageOf(project, name)), options });
    // Of services that share an image, the one that builds it counts.
    if (step && (!steps.has(step.image) || step.action === "build")) steps.set(step.image, step);
  }
  return [...steps.values()];
}

interface Case {
  readonly project: Project;
  readonly name: string;
  readonly service: ServiceConfig;
  readonly there: PresentImage | undefined;
  readonly options: ImageOptions;
}

function imageStep({ project, name, service, there, options }: Case): ImageStep | undefined {
  const image = imageOf(project, name);
  const policy = options.pull || service.pull_policy || "missing";
  const step = (action: ImageStep["action"], reason: string, orElse?: ImageStep["orElse"]): ImageStep => ({
    service: name,
    image,
    action,
    reason,
    ...(orElse ? { orElse } : {}),
  });
  if (service.build && !options.noBuild) {
    if (options.build) return step("build", "it was asked for");
    if (policy === "build") return step("build", "its pull policy says so");
    if (policy === "always" && service.image) return step("pull", "its pull policy says so", "build");
    if (!there) return step("build", "its image does not exist");
    return undefined;
  }
  if (service.build && options.noBuild && !there && !service.image) throw new Error(`No such image: ${image}`);
  if (policy === "always" || policy === "newer")
    return step("pull", "its pull policy says so", there && policy === "newer" ? "present" : undefined);
  if (!there && policy === "never") throw new Error(`No such image: ${image}`);
  if (!there) return step("pull", "its image does not exist");
  if (isStale(policy, there, options.now)) return step("pull", `its image is older than its pull policy ${policy} allows`, "present");
  return undefined;
}

const PERIODS: Readonly<Record<string, string>> = { daily: "24h", weekly: "168h" };

function isStale(policy: string, { tagged }: PresentImage, now: number): boolean {
  const period = PERIODS[policy] ?? (policy.startsWith("every_") ? policy.slice("every_".length) : undefined);
  if (period === undefined) return false;
  const since = Date.parse(tagged);
  return Number.isNaN(since) || since < 0 || now - since > durationNanoseconds(period) / 1e6;
}

/** Builds as steps: one comes after those whose images it is built from (`additional_contexts: service:x`). */
export function buildSteps(project: Project, names: readonly string[]): Node[] {
  return names.map((id) => {
    const contexts = Object.values(project.services[id]?.build?.additional_contexts ?? {});
    const needed = contexts.filter((context) => context.startsWith("service:")).map((context) => context.slice("service:".length));
    return { id, after: needed.filter((name) => name !== id && names.includes(name)) };
  });
}

/** Services with all that they need, transitively. */
export function withNeeds(project: Project, names: readonly string[]): string[] {
  const all = new Set(names);
  for (const name of all)
    for (const other of Object.keys(startNeeds(project.services[name] ?? {}))) if (Object.hasOwn(project.services, other)) all.add(other);
  return [...all];
}
