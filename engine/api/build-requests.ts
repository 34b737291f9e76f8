/** Shapes of the bodies that `/berth/builds` takes. */
import { stringMap, strings, struct } from "./shape.ts";
import type { PredictRequest, StepShellRequest } from "./types/builds.ts";

export const stepShell = struct<StepShellRequest>("StepShellRequest", {
  Cmd: strings,
  Tty: "boolean",
  ConsoleSize: { list: "integer" },
  Before: "boolean",
  User: "string",
  WorkingDir: "string",
  Env: strings,
  Secrets: stringMap,
});

export const predictRequest = struct<PredictRequest>("PredictRequest", {
  contextDir: "string",
  dockerfile: "string",
  text: "string",
  target: "string",
  buildArgs: { map: "anything" },
  labels: stringMap,
  platform: "string",
  networkMode: "string",
  extraHosts: strings,
  shmSizeBytes: "integer",
  noCache: "boolean",
  contexts: stringMap,
});
