/**
 * Words of the reconciler. A plan is a list of steps, each with the steps that it comes after and the reason why it is there;
 * planning reads what is wanted and what is there, and calls nothing. `execute.ts` carries a plan out.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import type { DependsOn } from "./service.ts";

/** What every step says. */
export interface StepBase {
  /** Unique within its plan. */
  readonly id: string;
  /** Ids of steps that have to be done before. */
  readonly after: readonly string[];
  /** Why this step is needed, for people: `the configuration changed`. */
  readonly reason: string;
}

/** A container that is there and has to go or to stop. */
interface Existing {
  readonly container: ContainerSummary;
  readonly service: string;
}

export type Step = StepBase &
  (
    | { readonly kind: "network-create"; readonly key: string }
    | {
        readonly kind: "network-remove";
        readonly name: string;
        readonly target: string;
        readonly containers: readonly string[];
        readonly quiet?: boolean;
      }
    | { readonly kind: "volume-create"; readonly key: string }
    | { readonly kind: "volume-remove"; readonly name: string }
    | { readonly kind: "image-remove"; readonly name: string; readonly target: string }
    | {
        readonly kind: "create";
        readonly service: string;
        readonly number: number;
        readonly name: string;
        readonly replaces?: ContainerSummary;
      }
    | ({ readonly kind: "keep" } & Existing)
    | ({ readonly kind: "rename"; readonly name: string } & Existing)
    | ({ readonly kind: "stop" } & Existing)
    | ({ readonly kind: "remove"; readonly volumes: boolean } & Existing)
    | { readonly kind: "start"; readonly service: string; readonly name: string }
    | {
        readonly kind: "wait";
        readonly service: string;
        readonly condition: WaitFor;
        readonly required: boolean;
        readonly names: readonly string[];
      }
    /** Does nothing; what comes after it comes after all that it comes after. */
    | { readonly kind: "barrier" }
  );

/** What is waited for: a dependency's condition, or that everything runs (`up --wait`). */
export type WaitFor = DependsOn["condition"] | "running_or_healthy";

export interface Plan {
  readonly project: string;
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** Collects steps under construction. */
export class PlanBuilder {
  readonly steps: Step[] = [];
  readonly warnings: string[] = [];
  readonly #ids = new Set<string>();

  /** Adds a step unless one with its id is there already. @returns the id */
  add(step: Step): string {
    if (!this.#ids.has(step.id)) {
      this.#ids.add(step.id);
      this.steps.push(step);
    }
    return step.id;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Only what is there may be waited for. */
  build(project: string): Plan {
    const steps = this.steps.map((step) => ({ ...step, after: [...new Set(step.after)].filter((id) => this.#ids.has(id)) }));
    return { project, steps, warnings: this.warnings };
  }
}
