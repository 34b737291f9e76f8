/** Entry of the suite inside the extension host: mocha, with its outcome printed in lines that reach the terminal. */
import Mocha from "mocha";
import * as vscode from "vscode";

/** Nothing takes so long where all is well: it is what a slow and busy machine may take. */
const LIMIT_MS = 300_000;

/** Called by VS Code; a rejection is a failing exit code. */
export async function run(): Promise<void> {
  const only = process.env["BERTH_TEST_ONLY"];
  const mocha = new Mocha({ ui: "tdd", timeout: LIMIT_MS, reporter: Lines, ...(only ? { grep: only } : {}) });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  if (process.env["BERTH_BENCH"]) await import("./idle.ts");
  else if (process.env["BERTH_TEST_UNTRUSTED"]) await import("./untrusted.ts");
  else if (process.env["BERTH_TEST_NEIGHBORS"]) await import("./language.ts");
  else {
    await import("./extension.ts");
    await import("./files.ts");
    await import("./commands.ts");
    await import("./escape.ts");
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

/** What the window shows, as far as the extension host knows: no picture is made here. */
function screenText(): string {
  const { activeTextEditor: editor, tabGroups, terminals } = vscode.window;
  const lines = [
    `tabs: ${tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label, isActive }) => (isActive ? `[${label}]` : label))).join(" ")}`,
    `terminals: ${terminals.map(({ name }) => name).join(", ")}`,
    `editor: ${editor?.document.uri.toString() ?? "none"}`,
    ...(editor?.document.getText().split("\n").slice(0, 8) ?? []),
    ...(editor ? vscode.languages.getDiagnostics(editor.document.uri).map(({ source, message }) => `${source}: ${message}`) : []),
  ];
  return lines.map((line) => `    | ${line.slice(0, 110)}`).join("\n");
}

class Lines extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner) {
    super(runner);
    const say = (text: string): void => console.log(`[berth]${text}`);
    runner.on("pass", (test) => say(`  ✔ ${test.fullTitle()} (${test.duration} ms)`));
    runner.on("fail", (test, error: Error) => say(`  ✖ ${test.fullTitle()}\n${error.stack}\n${screenText()}`));
    runner.on("end", () => {
      const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {};
      say(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }
}
