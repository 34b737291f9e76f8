/** What the parts of the walk share. */
import type { ChildProcess } from "node:child_process";
import type { Walk } from "./steps.ts";
import type { Workbench } from "./workbench.ts";

export interface Stage {
  readonly walk: Walk;
  readonly window: Workbench;
  /** The command, on the window's engine. */
  readonly berth: (...args: string[]) => Promise<string>;
  /** The same, going on in the background. */
  readonly start: (...args: string[]) => ChildProcess;
  readonly env: {
    readonly dataDir: string;
    /** The folder that is open. */
    readonly folder: string;
  };
}
