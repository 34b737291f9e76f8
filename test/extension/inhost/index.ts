/** Entry of the suite inside the extension host: mocha, with its outcome printed in lines that reach the terminal. */
import Mocha from "mocha";

/** Called by VS Code; a rejection is a failing exit code. */
export async function run(): Promise<void> {
  const only = process.env["BERTH_TEST_ONLY"];
  const mocha = new Mocha({ ui: "tdd", timeout: 180_000, reporter: Lines, ...(only ? { grep: only } : {}) });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  if (process.env["BERTH_BENCH"]) await import("./idle.ts");
  else if (process.env["BERTH_TEST_NEIGHBORS"]) await import("./language.ts");
  else {
    await import("./extension.ts");
    await import("./files.ts");
    await import("./commands.ts");
    await import("./palette.ts");
    await import("./work.ts");
    await import("./panels.ts");
    await import("./options.ts");
    await import("./views.ts");
    await import("./endpoints.ts");
    await import("./language.ts");
  }
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} failed`);
}

class Lines extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner) {
    super(runner);
    const say = (text: string): void => console.log(`[berth]${text}`);
    runner.on("pass", (test) => say(`  ✔ ${test.fullTitle()} (${test.duration} ms)`));
    runner.on("fail", (test, error: Error) => say(`  ✖ ${test.fullTitle()}\n${error.stack}`));
    runner.on("end", () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      say(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }
}
