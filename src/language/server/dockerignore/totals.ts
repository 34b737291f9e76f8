/** How many files and bytes each rule of a .dockerignore keeps out, and what is sent. */
import type { InlayHint } from "vscode-languageserver";
import { IgnoreMatcher, parseDockerignore } from "../../../../engine/syntax/dockerignore.ts";
import type { ContextFile, Walk } from "../context-files.ts";
import { humanBytes, humanFiles } from "../numbers.ts";
import { t } from "../words.ts";

export interface RuleTotal {
  readonly negated: boolean;
  files: number;
  sizeBytes: number;
  /** A few of the paths that it decides about. */
  readonly examples: string[];
}

export interface Totals {
  /** By line, from 0. */
  readonly rules: ReadonlyMap<number, RuleTotal>;
  readonly sent: readonly ContextFile[];
  readonly cut: boolean;
}

const EXAMPLES = 8;

/** Other requests are answered between so many files. */
const BATCH = 2000;

/** @param always paths that are sent whatever the rules say */
export async function ruleTotals(text: string, { files, cut }: Walk, always: readonly string[]): Promise<Totals> {
  const { patterns } = parseDockerignore(text);
  const rules = new Map(
    patterns.map(({ line, negated }): [number, RuleTotal] => [line, { negated, files: 0, sizeBytes: 0, examples: [] }]),
  );
  const matcher = new IgnoreMatcher(patterns);
  // What a rule with ! brings back is what the rules without it would have left out.
  const strict = new IgnoreMatcher(patterns.filter(({ negated }) => !negated));
  const negations = patterns
    .filter(({ negated }) => negated)
    .map((pattern) => ({ line: pattern.line, matcher: new IgnoreMatcher([{ ...pattern, negated: false }]) }));
  const sent: ContextFile[] = [];
  for (const [index, file] of files.entries()) {
    if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
    const by = always.includes(file.path) ? undefined : matcher.excludedBy(file.path);
    if (!by) sent.push(file);
    const back = by || !strict.excludedBy(file.path) ? undefined : negations.findLast((one) => one.matcher.excludedBy(file.path));
    const line = by?.line ?? back?.line;
    if (line !== undefined) add(rules.get(line)!, file);
  }
  return { rules, sent, cut };
}

function add(rule: RuleTotal, { path, sizeBytes }: ContextFile): void {
  rule.files++;
  rule.sizeBytes += sizeBytes;
  if (rule.examples.length < EXAMPLES) rule.examples.push(path);
}

/** One hint a rule, and one at the end of the file with what is sent. */
export function ignoreInlays(text: string, { rules, sent, cut }: Totals): InlayHint[] {
  const lines = text.split(/\r?\n/);
  const hints = [...rules].map(([line, rule]): InlayHint => ({
    position: { line, character: lines[line]!.length },
    label: ruleLabel(rule),
    paddingLeft: true,
  }));
  const total = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const last = lines.length - 1;
  const counted = `${humanFiles(sent.length)} · ${humanBytes(total)}`;
  const label = cut ? t("at least {0} are sent", counted) : t("{0} are sent", counted);
  const taken = rules.has(last);
  return [...hints, { position: { line: last, character: lines[last]!.length }, label: taken ? `— ${label}` : label, paddingLeft: true }];
}

function ruleLabel({ negated, files, sizeBytes }: RuleTotal): string {
  if (files === 0) return negated ? t("brings nothing back") : t("keeps nothing out");
  const counted = `${humanFiles(files)} · ${humanBytes(sizeBytes)}`;
  return negated ? t("brings back {0}", counted) : t("keeps out {0}", counted);
}
