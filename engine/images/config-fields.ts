/** The kinds of an image config's fields: what Go would not decode is no config, and must not reach whoever lists images. */
import { EngineError } from "../errors.ts";

type Kind = "string" | "number" | "boolean" | "strings" | "set" | "labels" | "words";

const IMAGE: Readonly<Record<string, Kind>> = { created: "string", author: "string", architecture: "string", os: "string", variant: "string", "os.version": "string", "os.features": "strings" }; // oxfmt-ignore
const HISTORY: Readonly<Record<string, Kind>> = { created: "string", created_by: "string", author: "string", comment: "string", empty_layer: "boolean" }; // oxfmt-ignore
const SETTINGS: Readonly<Record<string, Kind>> = {
  User: "string",
  ExposedPorts: "set",
  Env: "strings",
  Entrypoint: "words",
  Cmd: "words",
  Volumes: "set",
  WorkingDir: "string",
  Labels: "labels",
  StopSignal: "string",
  StopTimeout: "number",
  Shell: "words",
  OnBuild: "strings",
  ArgsEscaped: "boolean",
  Healthcheck: "set",
};
const HEALTHCHECK: Readonly<Record<string, Kind>> = { Test: "strings", Interval: "number", Timeout: "number", StartPeriod: "number", StartInterval: "number", Retries: "number" }; // oxfmt-ignore

/** @param config a JSON object; null stands for nothing, as in Go @throws {EngineError} invalid */
export function checkConfigFields(config: Record<string, unknown>): void {
  check(config, IMAGE, "");
  const settings = inner(config["config"]);
  if (settings) check(settings, SETTINGS, "config.");
  const healthcheck = settings && inner(settings["Healthcheck"]);
  if (healthcheck) check(healthcheck, HEALTHCHECK, "config.Healthcheck.");
  if (Array.isArray(config["history"])) for (const entry of config["history"]) check(inner(entry) ?? {}, HISTORY, "history.");
}

function inner(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function check(value: Record<string, unknown>, kinds: Readonly<Record<string, Kind>>, where: string): void {
  for (const [name, kind] of Object.entries(kinds)) {
    const field = value[name];
    if (field === null && ["string", "number", "boolean"].includes(kind)) delete value[name];
    // Old images have one word where there is a list now.
    else if (typeof field === "string" && kind === "words") value[name] = [field];
    else if (field !== undefined && field !== null && !isKind(field, kind))
      throw new EngineError("invalid", `Cannot read the image config: its field ${where}${name} is not of the right kind`);
  }
}

function isKind(value: unknown, kind: Kind): boolean {
  if (kind === "strings" || kind === "words") return Array.isArray(value) && value.every((each) => typeof each === "string");
  if (kind === "set") return typeof value === "object" && !Array.isArray(value);
  if (kind === "labels") return isKind(value, "set") && Object.values(value as object).every((each) => typeof each === "string");
  return typeof value === kind;
}
