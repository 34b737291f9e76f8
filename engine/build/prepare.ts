/** A step's key and its inputs, before it is known whether it has to run. */
import { prepareCopy, prepareWorkdir } from "./copy.ts";
import type { Operation } from "./operation.ts";
import type { Prepared, StepScope } from "./rooms.ts";
import { prepareRun } from "./run.ts";
import type { Step } from "./step-list.ts";

export function prepareStep(operation: Operation, step: Step, scope: StepScope): Promise<Prepared> {
  const instruction = step.instruction.original.trim();
  if (operation.kind === "run") return prepareRun(operation, instruction, scope);
  return operation.kind === "copy" ? prepareCopy(operation, instruction, scope) : prepareWorkdir(operation, instruction, scope);
}
