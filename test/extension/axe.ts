/** Judges a page in a panel by axe-core: what it finds is a defect. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator } from "playwright-core";
import { root } from "../../scripts/setup.mjs";

const source = readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");

interface Finding {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** @param name for the message */
export async function checkAccessibility(page: FrameLocator, name: string): Promise<void> {
  const body = page.locator("body");
  // Evaluated from outside: the page's policy lets no other script in.
  const findings = await body.evaluate(async (_body, text): Promise<Finding[]> => {
    // oxlint-disable-next-line no-implied-eval
    const axe = new Function(`${text}; return axe;`)() as { run(options: object): Promise<{ violations: Finding[] }> };
    return (await axe.run({ resultTypes: ["violations"], rules: { "page-has-heading-one": { enabled: false } } })).violations;
  }, source);
  const words = findings.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map(({ html, failureSummary = "" }) => `    ${html.slice(0, 160)}\n    ${failureSummary.replaceAll("\n", " ")}`).join("\n")}`,
  );
  assert.equal(findings.length, 0, `axe-core finds in ${name}:\n${words.join("\n")}`);
}
