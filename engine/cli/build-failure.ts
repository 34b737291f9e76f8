/** What is said of a build that failed: where in the Dockerfile, why, and how to look around in the step. */
import type { SourceRange, StepRecord } from "../api/types/builds.ts";
import type { Cli } from "./cli.ts";

/** @param build id of its record, or "" when the engine keeps none */
export async function explainFailure(cli: Cli, build: string, message: string): Promise<string> {
  const error = `------\nERROR: failed to build: ${message}`;
  const found = build === "" ? undefined : await failedStep(cli, build).catch(() => undefined);
  if (!found) return error;
  const { step, excerpt } = found;
  const opened = step.chainId === undefined ? "" : `\nThe failed step can be opened: berth builds shell ${build.slice(0, 12)}`;
  return `${excerpt}${error}${opened}`;
}

async function failedStep(cli: Cli, build: string): Promise<{ step: StepRecord; excerpt: string } | undefined> {
  const { buildRecords } = await cli.client();
  const { steps, dockerfile } = await buildRecords.get(build, { signal: cli.signal });
  const step = steps.find(({ error }) => error !== undefined);
  if (!step) return undefined;
  const text = step.range ? await buildRecords.dockerfile(build, { signal: cli.signal }) : "";
  return { step, excerpt: step.range ? excerptOf(text, { name: dockerfile, range: step.range }) : "" };
}

/** Lines of a file with some around them, as buildx shows them. */
export function excerptOf(text: string, { name, range: { startLine, endLine } }: { name: string; range: SourceRange }): string {
  const lines = text.split("\n");
  let [first, last] = [startLine, Math.min(endLine, lines.length)];
  for (let room = first === last ? 4 : 2; room > 0; room--) {
    if (first > 1) [first, room] = [first - 1, room - 1];
    if (last < lines.length) [last, room] = [last + 1, room - 1];
  }
  const shown = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    return ` ${String(number).padStart(3)} | ${number >= startLine && number <= endLine ? ">>>" : "   "} ${line}`;
  });
  const rule = "-".repeat(20);
  return `${name}:${startLine}\n${rule}\n${shown.join("\n")}\n${rule}\n`;
}
