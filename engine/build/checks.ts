/** The build checks with what a build knows: its .dockerignore and the images that are here. */
import type { Images } from "../images/images.ts";
import { checkDockerfile } from "../syntax/dockerfile/checks/check.ts";
import { ruleUrl } from "../syntax/dockerfile/checks/rules.ts";
import type { Checked } from "../syntax/dockerfile/checks/check.ts";
import type { BuildProgress } from "./builder.ts";
import type { Graph, GraphStage } from "./graph.ts";
import type { Trees } from "./trees.ts";

export async function checkBuild(graph: Graph, trees: Trees, images: Images): Promise<Checked> {
  const variables = new Map<string, readonly string[]>();
  for (const stage of graph.stages) {
    const names = await variablesOf(stage, images);
    if (names) variables.set(stage.stage.from.image.text, names);
  }
  return checkDockerfile(graph.dockerfile, { ignored: await trees.ignored(), baseVariables: (image) => variables.get(image) });
}

/** A finding as a build tells it. */
export function toWarning({ rule, message, range }: Checked["findings"][number]): BuildProgress & { type: "warning" } {
  return {
    type: "warning",
    message,
    check: rule,
    url: ruleUrl(rule),
    range: { startLine: range.start.line + 1, endLine: range.end.line + 1 },
  };
}

async function variablesOf({ base }: GraphStage, images: Images): Promise<readonly string[] | undefined> {
  if (base.kind === "scratch") return [];
  if (base.kind !== "image") return undefined;
  const image = await images.find(base.reference);
  return image && (image.config.config?.Env ?? []).map((entry) => entry.split("=", 1)[0]!);
}
