/** What of a command's sandbox comes from the build's options, for RUN and for who works in the step afterwards. Pure. */
import type { StepSandbox } from "../containers/run-step.ts";
import { EngineError } from "../errors.ts";
import type { BuildRequest } from "./builder.ts";
import type { Operation } from "./operation.ts";

export type RunSandbox = Pick<StepSandbox, "networkMode" | "extraHosts" | "shmSizeBytes" | "privileged" | "ulimits" | "resources">;

/** @param operation undefined for a step that runs nothing @throws {EngineError} invalid */
export function sandboxOf(request: BuildRequest, operation?: Operation): RunSandbox {
  const { network, security } = operation?.kind === "run" ? operation : {};
  return {
    networkMode: network ?? request.networkMode ?? "default",
    extraHosts: request.extraHosts ?? [],
    ...(request.shmSizeBytes !== undefined && { shmSizeBytes: request.shmSizeBytes }),
    ...(security === "insecure" && { privileged: true }),
    ...(request.ulimits && { ulimits: request.ulimits.map(readUlimit) }),
    ...(request.resources && { resources: request.resources }),
  };
}

/** `name=soft[:hard]`. @throws {EngineError} invalid */
function readUlimit(text: string): { Name: string; Soft: number; Hard: number } {
  const [, Name = "", soft = "", hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (Name === "") throw new EngineError("invalid", `invalid ulimit argument: ${text}`);
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}
