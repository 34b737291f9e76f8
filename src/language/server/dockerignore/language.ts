/** .dockerignore: what is wrong in it, and what each rule keeps out of the build. */
import { basename, dirname } from "node:path";
import { parseDockerignore } from "../../../../engine/syntax/dockerignore.ts";
import { listDirectory, walkContext } from "../context-files.ts";
import type { Walk } from "../context-files.ts";
import type { Language, OpenDocument } from "../feature.ts";
import { completePath } from "./completion.ts";
import { ignoreInlays, ruleTotals } from "./totals.ts";
import { t } from "../words.ts";

/** Files of a context are counted again after so long. */
const FRESH_MS = 5000;

export class DockerignoreLanguage implements Language {
  readonly #walks = new Map<string, { atMs: number; walk: Promise<Walk> }>();

  /** Files have changed on the disk. */
  forget(): void {
    this.#walks.clear();
  }

  /** All files of a context, read again when the last look is old. */
  walk(directory: string): Promise<Walk> {
    const known = this.#walks.get(directory);
    if (known && performance.now() - known.atMs < FRESH_MS) return known.walk;
    const walk = walkContext(directory);
    this.#walks.set(directory, { atMs: performance.now(), walk });
    return walk;
  }

  diagnostics(document: OpenDocument): ReturnType<NonNullable<Language["diagnostics"]>> {
    const lines = document.text.split(/\r?\n/);
    return parseDockerignore(document.text).problems.map(({ message, line }) => ({
      message,
      source: "Berth",
      severity: 1,
      range: { start: { line, character: 0 }, end: { line, character: (lines[line] ?? "").length } },
    }));
  }

  async inlays(document: OpenDocument): Promise<NonNullable<Awaited<ReturnType<NonNullable<Language["inlays"]>>>>> {
    return ignoreInlays(document.text, await this.#totals(document));
  }

  async hover(document: OpenDocument, { line }: { line: number }): Promise<Awaited<ReturnType<NonNullable<Language["hover"]>>>> {
    const { rules } = await this.#totals(document);
    const rule = rules.get(line);
    if (!rule) return undefined;
    const examples = rule.examples.map((path) => `- \`${path}\``).join("\n");
    return {
      contents: {
        kind: "markdown",
        value: examples === "" ? t("Matches nothing in this folder.") : `${t("Decides about")}\n\n${examples}`,
      },
    };
  }

  async completion(
    document: OpenDocument,
    position: { line: number; character: number },
  ): Promise<Awaited<ReturnType<NonNullable<Language["completion"]>>>> {
    return completePath(document.text, position, (folder) => listDirectory(`${contextOf(document.path)}/${folder}`));
  }

  async #totals(document: OpenDocument): ReturnType<typeof ruleTotals> {
    return ruleTotals(document.text, await this.walk(contextOf(document.path)), alwaysSent(document.path));
  }
}

/** The folder that the file speaks of is its own. */
export function contextOf(path: string): string {
  return dirname(path);
}

/** The Dockerfile and the ignore file are sent whatever the rules say. */
export function alwaysSent(path: string): string[] {
  const name = basename(path);
  return [name, name === ".dockerignore" ? "Dockerfile" : name.replace(/\.dockerignore$/, "")];
}
