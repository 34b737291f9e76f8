/** Shapes of the bodies that `/berth/builds` takes. */
import { stringMap, strings, struct } from "./shape.ts";
import type { Kind } from "./shape.ts";
import type { BuildCall, PredictRequest, StepShellRequest } from "./types/builds.ts";

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

const definition: { readonly [K in keyof Required<PredictRequest>]: Kind } = {
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
};

export const predictRequest = struct<PredictRequest>("PredictRequest", definition);

export const buildCall = struct<BuildCall>("BuildCall", {
  ...definition,
  contextId: "string",
  remote: "string",
  announced: "string",
  tags: strings,
  pull: "boolean",
  noCacheStages: strings,
  auth: { map: "anything" },
  secrets: stringMap,
  ssh: stringMap,
  allow: strings,
  ulimits: strings,
  cgroupParent: "string",
  attestations: stringMap,
  annotations: struct<NonNullable<BuildCall["annotations"]>>("BuildAnnotations", { manifest: stringMap, index: stringMap }),
  cacheFrom: { list: stringMap },
  cacheTo: { list: stringMap },
  contextName: "string",
});
