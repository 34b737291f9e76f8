/** A build's error as BuildKit's clients show it. */
import { StepError } from "../builder.ts";
import { explained } from "../full-disk.ts";
import { GrpcError, jsonDetail, UNKNOWN } from "./grpc.ts";
import { buildkitMessage } from "./status.ts";
import type { BuildStatus } from "./status.ts";

/** The error with the place in the Dockerfile, which a client shows in a box. */
export function buildError(error: unknown, status: BuildStatus, source: { filename: string; data: Buffer }): GrpcError {
  if (error instanceof GrpcError) return error;
  const explanation = explained(error);
  const text = buildkitMessage(explanation instanceof Error ? explanation.message : String(explanation));
  const step = error instanceof StepError ? status.step(error.step) : undefined;
  const vertex = error instanceof StepError ? status.vertex(error.step) : undefined;
  const [, line] = /\bline (\d+)/.exec(text) ?? [];
  const range = step?.range ?? (line === undefined ? undefined : { startLine: Number(line), endLine: Number(line) });
  const details = [];
  if (vertex) details.push(jsonDetail("errdefs.Vertex", { digest: vertex.digest }));
  if (range) {
    const info = { filename: source.filename, data: source.data.toString("base64"), language: "Dockerfile" };
    details.push(jsonDetail("errdefs.Source", { info, ranges: [{ start: { line: range.startLine }, end: { line: range.endLine } }] }));
  }
  return new GrpcError(UNKNOWN, text, details);
}
