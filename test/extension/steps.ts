/** A walk through the product: steps that build on each other, each counted, each leaving a picture. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { screenText } from "./screen.ts";
import type { Workbench } from "./workbench.ts";

const pictures = join(process.env["BERTH_TEST_OUTPUT"] ?? join(import.meta.dirname, "../../test-output"), "screenshots");

export class Walk {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  readonly #workbench: () => Workbench | undefined;

  constructor(workbench: () => Workbench | undefined) {
    this.#workbench = workbench;
    mkdirSync(pictures, { recursive: true });
  }

  /** Runs a step; after a failure the ones that build on it are skipped by name. */
  async step(name: string, work: () => Promise<void>): Promise<void> {
    if (this.#failed > 0 && !process.env["BERTH_UI_GO_ON"]) {
      this.#skipped++;
      console.log(`  ﹣ ${name} (skipped: an earlier step failed)`);
      return;
    }
    const started = performance.now();
    try {
      await work();
      this.#passed++;
      console.log(`  ✔ ${name} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      this.#failed++;
      console.log(`  ✖ ${name}\n${shortened(error)}`);
      const page = this.#workbench()?.page;
      if (page) console.log(await screenText(page).catch((reason: Error) => `    | ${reason.message}`));
      await this.picture(`failed-${this.#failed}`).catch(() => undefined);
    }
  }

  /** Keeps what the window shows now. */
  async picture(name: string): Promise<void> {
    await this.#workbench()?.page.screenshot({ path: join(pictures, `${name}.png`) });
  }

  /** Prints the counts; gives the exit code. */
  end(): number {
    console.log(`\n${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`);
    return this.#failed > 0 ? 1 : 0;
  }
}

/** Its first lines, and where in the tests it happened: what stands on the screen says more than what was tried a hundred times. */
function shortened(error: unknown): string {
  const lines = inspect(error).split("\n");
  const places = lines.filter((line) => /^ +at .*test\/extension\//.test(line)).slice(0, 4);
  return [...lines.filter((line) => !/^ +at /.test(line)).slice(0, 5), ...places].join("\n");
}
