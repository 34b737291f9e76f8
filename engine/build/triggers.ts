/** ONBUILD triggers: instructions that a base image runs in the stage that begins with it. */
import type { Images } from "../images/images.ts";
import { parseDockerfile } from "../syntax/dockerfile/parse.ts";
import type { Instruction } from "../syntax/dockerfile/tree.ts";
import { atPlace, refuseProblems } from "./graph.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";

/** Triggers of bases that need no pull, by the index of the stage that they run in. */
export async function findTriggers(graph: Graph, images: Images): Promise<Map<number, readonly Instruction[]>> {
  const found = new Map<number, readonly Instruction[]>();
  for (const stage of graph.stages) {
    const expressions = await onBuildOf(stage.base, graph, images);
    if (expressions.length > 0)
      found.set(
        stage.index,
        expressions.map((expression) => parseTrigger(expression, stage)),
      );
  }
  return found;
}

async function onBuildOf(base: Source, graph: Graph, images: Images): Promise<readonly string[]> {
  if (base.kind === "image") return (await images.find(base.reference))?.config.config?.OnBuild ?? [];
  if (base.kind !== "stage") return [];
  const { instructions } = graph.stages[base.index]!.stage;
  return instructions.flatMap((instruction) => (instruction.kind === "ONBUILD" ? [instruction.expression] : []));
}

/** A trigger of the base, as if it stood right after the FROM. @throws {EngineError} invalid */
export function parseTrigger(expression: string, stage: GraphStage): Instruction {
  const dockerfile = parseDockerfile(`FROM scratch\n${expression}`);
  refuseProblems(dockerfile);
  const [trigger, ...more] = dockerfile.stages[0]!.instructions;
  if (!trigger || more.length > 0) throw atPlace("onbuild trigger should be a single expression", stage.stage.from.range);
  return { ...trigger, range: stage.stage.from.range };
}
