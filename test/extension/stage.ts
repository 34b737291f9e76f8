/** What the parts of the walk share. */
import type { Walk } from "./steps.ts";
import type { Workbench } from "./workbench.ts";

export interface Stage {
  readonly walk: Walk;
  readonly window: Workbench;
  /** The command, on the window's engine. */
  readonly berth: (...args: string[]) => Promise<string>;
  readonly env: { readonly dataDir: string };
}
