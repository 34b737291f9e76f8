/**
 * Collects the words that the extension and its pages show into l10n/bundle.l10n.json, which translators start from.
 * `node scripts/l10n.ts` writes it; the unit tests say when that was forgotten.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
export const BUNDLE = join(root, "l10n/bundle.l10n.json");

/** A call with a literal for its first argument: `vscode.l10n.t("…")`, `t("…")` in pages, and `sentence("…")` for what the engine's side says. */
const CALLS = /\b(?:l10n\.t|(?<![.\w])(?:t|sentence))\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/g;

/** English is its own key, as VS Code wants it. */
export function collectWords(): Record<string, string> {
  const files = globSync(["src/**/*.ts", "webviews/**/*.ts"], { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
  const words = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(CALLS)].map(([, literal]) => unquote(literal!)),
  );
  return Object.fromEntries([...new Set(words)].toSorted().map((word) => [word, word]));
}

function unquote(literal: string): string {
  const inside = literal.slice(1, -1);
  return JSON.parse(`"${literal.startsWith("'") ? inside.replaceAll("\\'", "'").replaceAll('"', '\\"') : inside}"`) as string;
}

if (process.argv[1] === import.meta.filename) writeFileSync(BUNDLE, `${JSON.stringify(collectWords(), null, 2)}\n`);
