/**
 * The Dockerfile instructions that `docker import --change` and `docker commit --change` take.
 * @see https://docs.docker.com/reference/cli/docker/container/commit/#change
 */
import type { ContainerConfig, HealthConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";

/**
 * The configuration after `changes`, one instruction each; the given one is left alone.
 * @throws {EngineError} invalid, in Docker's words
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const changed: ContainerConfig = structuredClone(config);
  const lines = changes.flatMap((change) => change.split("\n"));
  const says = (line: string): boolean => line.trim() !== "" && !line.trim().startsWith("#");
  if (lines.length > 0 && !lines.some(says)) throw new EngineError("invalid", "file with no instructions");
  for (const line of lines.filter(says)) {
    const match = /^\s*([a-zA-Z]+)(?:\s+([\s\S]*))?$/.exec(line);
    const name = match?.[1]?.toUpperCase() ?? line.trim();
    const apply = INSTRUCTIONS[name];
    if (!apply) throw new EngineError("invalid", `${name} is not a valid change command`);
    const rest = match?.[2]?.trim() ?? "";
    if (rest === "" && !MAY_BE_EMPTY.has(name))
      throw new EngineError("invalid", `${name} requires ${TAKES_ONE.has(name) ? "exactly" : "at least"} one argument`);
    apply(changed, rest);
  }
  return changed;
}

const MAY_BE_EMPTY = new Set(["CMD", "ENTRYPOINT"]);
const TAKES_ONE = new Set(["STOPSIGNAL", "USER", "WORKDIR"]);

const INSTRUCTIONS: Record<string, (config: ContainerConfig, rest: string) => void> = {
  CMD: (config, rest) => (config.Cmd = command(rest)),
  ENTRYPOINT: (config, rest) => (config.Entrypoint = command(rest)),
  ENV: (config, rest) => (config.Env = setEnv(config.Env ?? [], pairs("ENV", rest))),
  EXPOSE: (config, rest) => (config.ExposedPorts = { ...config.ExposedPorts, ...keys(words(rest).map(port)) }),
  LABEL: (config, rest) => (config.Labels = { ...config.Labels, ...Object.fromEntries(pairs("LABEL", rest)) }),
  ONBUILD: (config, rest) => (config.OnBuild = [...(config.OnBuild ?? []), trigger(rest)]),
  STOPSIGNAL: (config, rest) => (config.StopSignal = rest),
  USER: (config, rest) => (config.User = rest),
  VOLUME: (config, rest) => (config.Volumes = { ...config.Volumes, ...keys(jsonStrings(rest) ?? words(rest)) }),
  WORKDIR: (config, rest) => (config.WorkingDir = rest.startsWith("/") ? rest : `${config.WorkingDir || ""}/${rest}`),
  HEALTHCHECK: (config, rest) => (config.Healthcheck = healthcheck(rest)),
};

function command(rest: string): string[] {
  return jsonStrings(rest) ?? (rest === "" ? [] : ["/bin/sh", "-c", rest]);
}

function jsonStrings(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function keys(names: string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function port(text: string): string {
  const [ports = "", protocol = "tcp"] = text.split("/");
  if (!/^\d+(-\d+)?$/.test(ports)) throw new EngineError("invalid", `invalid containerPort: ${ports}`);
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase())) throw new EngineError("invalid", `invalid proto: ${protocol}`);
  return text.includes("/") ? text.toLowerCase() : `${text}/tcp`;
}

function trigger(rest: string): string {
  const name = rest.split(/\s/, 1)[0]!.toUpperCase();
  if (name === "ONBUILD") throw new EngineError("invalid", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === "FROM" || name === "MAINTAINER") throw new EngineError("invalid", `${name} isn't allowed as an ONBUILD trigger`);
  return rest;
}

/** Splits at blanks; quotes and backslashes keep blanks together and are taken away. */
function words(text: string): string[] {
  const found = text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? [];
  return found.map((word) => word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, (_, double?: string, single?: string, escaped?: string) => double?.replace(/\\(["\\$])/g, "$1") ?? single ?? escaped ?? "")); // oxfmt-ignore
}

/** `key=value …`, or the old `key value with blanks`. */
function pairs(name: string, rest: string): [string, string][] {
  const parts = words(rest);
  if (!parts[0]!.includes("=")) {
    const at = rest.search(/\s/);
    if (at < 0) throw new EngineError("invalid", `${name} must have two arguments`);
    return [[rest.slice(0, at), rest.slice(at).trim()]];
  }
  return parts.map((part) => {
    const at = part.indexOf("=");
    if (at < 0) throw new EngineError("invalid", `Syntax error - can't find = in "${part}". Must be of the form: name=value`);
    if (at === 0) throw new EngineError("invalid", `${name} names can not be blank`);
    return [part.slice(0, at), part.slice(at + 1)];
  });
}

function setEnv(env: readonly string[], added: [string, string][]): string[] {
  const values = new Map(env.map((each): [string, string] => [each.split("=", 1)[0]!, each]));
  for (const [name, value] of added) values.set(name, `${name}=${value}`);
  return [...values.values()];
}

const DURATION: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

function healthcheck(rest: string): HealthConfig {
  const health: HealthConfig = {};
  let text = rest;
  for (let option = FLAG.exec(text); option; option = FLAG.exec(text)) {
    setHealthOption(health, option[1]!, option[2]!);
    text = text.slice(option[0].length);
  }
  if (/^none$/i.test(text)) return { Test: ["NONE"] };
  const match = /^cmd(?:\s+([\s\S]+))?$/i.exec(text);
  if (!match) throw new EngineError("invalid", `Unknown type "${(text.split(/\s/)[0] ?? "").toUpperCase()}" in HEALTHCHECK (try CMD)`);
  if (!match[1]) throw new EngineError("invalid", "Missing command after HEALTHCHECK CMD");
  const list = jsonStrings(match[1]);
  return { ...health, Test: list ? ["CMD", ...list] : ["CMD-SHELL", match[1]] };
}

const FLAG = /^--([a-z-]+)=(\S+)\s+/;

function setHealthOption(health: HealthConfig, name: string, value: string): void {
  if (name === "retries") health.Retries = Number(value);
  else if (name === "interval") health.Interval = duration(value);
  else if (name === "timeout") health.Timeout = duration(value);
  else if (name === "start-period") health.StartPeriod = duration(value);
  else if (name === "start-interval") health.StartInterval = duration(value);
  else throw new EngineError("invalid", `Unknown flag: ${name}`);
}

/** Nanoseconds of a Go duration such as `1m30s`. */
function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text)
    throw new EngineError("invalid", `time: invalid duration "${text}"`);
  return Math.round(parts.reduce((sum, part) => sum + Number(part[1]) * DURATION[part[2]!]!, 0));
}
