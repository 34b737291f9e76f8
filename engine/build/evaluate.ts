/**
 * One instruction applied to a stage: its words expanded, the new configuration, and what it does to the file system.
 * Pure. History is written as BuildKit writes it.
 */
import { signalNumber } from "../containers/signals.ts";
import { posix } from "node:path";
import type { ContainerConfig } from "../api/types/container.ts";
import { formatDuration } from "../syntax/duration.ts";
import { isGitSourceOfAdd } from "../syntax/git-source.ts";
import { expand } from "../syntax/dockerfile/expand.ts";
import { chompTabs } from "../syntax/dockerfile/heredoc.ts";
import type * as tree from "../syntax/dockerfile/tree.ts";
import { checkChmod } from "./chmod.ts";
import { atPlace, expandWord, resolveFrom } from "./graph.ts";
import { evaluateRun } from "./evaluate-run.ts";
import type { CopyOperation, CopySource, Evaluated, EvaluateScope } from "./operation.ts";
import { exposedPorts } from "./ports.ts";
import { commandLine, withEntry } from "./stage-state.ts";
import type { StageState } from "./stage-state.ts";

/** What a change of state consists of. */
interface Change {
  readonly config?: Partial<ContainerConfig>;
  readonly createdBy: string;
  readonly env?: ReadonlyMap<string, string>;
  readonly rest?: Partial<StageState>;
}

/** @throws {EngineError} invalid with the line */
export function evaluate(state: StageState, instruction: tree.Instruction, scope: EvaluateScope): Evaluated {
  switch (instruction.kind) {
    case "RUN":
      return evaluateRun(state, instruction, scope);
    case "COPY":
    case "ADD":
      return evaluateTransfer(state, instruction, scope);
    case "WORKDIR":
      return evaluateWorkdir(state, instruction, scope);
    case "ENV":
    case "LABEL":
      return { state: applied(state, pairs(state, instruction, scope)) };
    case "ARG":
      return { state: declareArgs(state, instruction, scope) };
    case "ONBUILD":
      return { state: { ...state, config: { ...state.config, OnBuild: [...(state.config.OnBuild ?? []), instruction.expression] } } };
    case "FROM":
    case "INVALID":
      throw atPlace(`unexpected ${instruction.name}`, instruction.range);
    default:
      return { state: applied(state, setting(state, instruction, scope)) };
  }
}

function applied(state: StageState, change: Change): StageState {
  return {
    ...state,
    ...change.rest,
    config: { ...state.config, ...change.config },
    env: change.env ?? state.env,
    history: [...state.history, { createdBy: change.createdBy, layer: false }],
  };
}

function words(state: StageState, instruction: tree.Instruction, scope: EvaluateScope): (word: string) => string {
  return (word) => expandWord(word, state.env, { dockerfile: scope.graph.dockerfile, range: instruction.range });
}

function setting(
  state: StageState,
  instruction: tree.Starting | tree.Healthcheck | tree.Single | tree.Listing | tree.Shell,
  scope: EvaluateScope,
): Change {
  const word = words(state, instruction, scope);
  switch (instruction.kind) {
    case "CMD": {
      const args = commandLine(state, instruction.command);
      return { config: { Cmd: args, ArgsEscaped: true }, createdBy: `CMD ${quoted(args)}`, rest: { commandSet: true } };
    }
    case "ENTRYPOINT": {
      const args = commandLine(state, instruction.command);
      const reset = state.commandSet ? {} : { Cmd: null };
      return { config: { Entrypoint: args.length > 0 ? args : null, ...reset }, createdBy: `ENTRYPOINT ${quoted(args)}` };
    }
    case "HEALTHCHECK":
      return healthcheck(instruction);
    case "USER": {
      const user = word(instruction.value);
      return { config: { User: user }, createdBy: `USER ${user}` };
    }
    case "STOPSIGNAL": {
      const signal = word(instruction.value);
      if (signalNumber(signal) === undefined) throw atPlace(`invalid signal: ${signal}`, instruction.range);
      return { config: { StopSignal: signal }, createdBy: `STOPSIGNAL ${signal}` };
    }
    case "MAINTAINER":
      return { rest: { author: instruction.value }, createdBy: `MAINTAINER ${instruction.value}` };
    case "EXPOSE":
      return expose(state, instruction, scope);
    case "VOLUME": {
      const volumes = instruction.values.map((value) => word(value.text));
      if (volumes.includes("")) throw atPlace("VOLUME specified can not be an empty string", instruction.range);
      const all = { ...state.config.Volumes, ...Object.fromEntries(volumes.map((volume) => [volume, {}])) };
      return { config: { Volumes: all }, createdBy: `VOLUME [${volumes.join(" ")}]` };
    }
    case "SHELL":
      return { config: { Shell: [...instruction.args] }, createdBy: `SHELL [${instruction.args.join(" ")}]` };
    default:
      throw atPlace(`unexpected ${instruction.name}`, instruction.range);
  }
}

/** Go's `%q` of a list of strings. */
function quoted(args: readonly string[]): string {
  return `[${args.map((arg) => JSON.stringify(arg)).join(" ")}]`;
}

function healthcheck(instruction: tree.Healthcheck): Change {
  const { test, interval, timeout, startPeriod, startInterval, retries } = instruction;
  const durations = { Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval };
  const set = Object.fromEntries(Object.entries({ ...durations, Retries: retries }).filter(([, value]) => value !== 0));
  const written = Object.entries(durations).map(([name, value]) => `${name}:${formatDuration(value)}`);
  return {
    config: { Healthcheck: { Test: [...test], ...set } },
    createdBy: `HEALTHCHECK {Test:[${test.join(" ")}] ${written.join(" ")} Retries:${retries}}`,
  };
}

function expose(state: StageState, instruction: tree.Listing, { graph }: EvaluateScope): Change {
  const ports = instruction.values.flatMap((value) => {
    const expanded = expand(value.text, state.env, { escape: graph.dockerfile.escape });
    if ("message" in expanded) throw atPlace(expanded.message, instruction.range);
    return expanded.words.flatMap((word) => {
      const found = exposedPorts(word);
      if (!Array.isArray(found)) throw atPlace(found.message, instruction.range);
      return found;
    });
  });
  const exposed = { ...state.config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  return { config: { ExposedPorts: exposed }, createdBy: `EXPOSE [${ports.join(" ")}]` };
}

function pairs(state: StageState, instruction: tree.Variables, scope: EvaluateScope): Change {
  const word = words(state, instruction, scope);
  const entries = instruction.pairs.map(({ key, value }) => [word(key), word(value!)] as const);
  const createdBy = `${instruction.kind} ${entries.map(([key, value]) => `${key}=${value}`).join(" ")}`;
  if (instruction.kind === "LABEL") return { config: { Labels: { ...state.config.Labels, ...Object.fromEntries(entries) } }, createdBy };
  const env = new Map([...state.env, ...entries]);
  const list = entries.reduce<string[]>((all, [key, value]) => withEntry(all, key, value), [...(state.config.Env ?? [])]);
  return { config: { Env: list }, createdBy, env };
}

/** An ARG has the value given for the build, else its default, else the global ARG's. */
function declareArgs(state: StageState, instruction: tree.Variables, scope: EvaluateScope): StageState {
  const { globalArgs, options } = scope.graph;
  const env = new Map(state.env);
  const declared: [string, string | undefined][] = [];
  for (const { key, value } of instruction.pairs) {
    const place = { dockerfile: scope.graph.dockerfile, range: instruction.range };
    const fallback = value === undefined ? globalArgs.get(key) : undefined;
    const chosen = options.buildArgs[key] ?? (value === undefined ? fallback : expandWord(value, env, place));
    if (chosen !== undefined) env.set(key, chosen);
    declared.push([key, chosen]);
  }
  const written = declared.map(([key, value]) => (value === undefined ? key : `${key}=${value}`));
  const next = applied(state, { createdBy: `ARG ${written.join(" ")}`, env });
  return { ...next, args: [...state.args, ...declared] };
}

function evaluateWorkdir(state: StageState, instruction: tree.Single, scope: EvaluateScope): Evaluated {
  const path = posix.resolve("/", state.config.WorkingDir || "/", words(state, instruction, scope)(instruction.value));
  if (path === "/proc" || path.startsWith("/proc/")) {
    throw atPlace(`WORKDIR ${JSON.stringify(path)} is not allowed: it is below /proc`, instruction.range);
  }
  const layer = path !== "/";
  const config = { ...state.config, WorkingDir: path };
  const next = { ...state, config, history: [...state.history, { createdBy: `WORKDIR ${path}`, layer }] };
  return layer ? { state: next, operation: { kind: "workdir", path, user: state.config.User ?? "" } } : { state: next };
}

function evaluateTransfer(state: StageState, instruction: tree.Transfer, scope: EvaluateScope): Evaluated {
  const word = words(state, instruction, scope);
  const optional = (text: string | undefined): string | undefined => (text === undefined ? undefined : word(text));
  const destination = word(instruction.destination.text);
  const operation: CopyOperation = {
    kind: "copy",
    add: instruction.kind === "ADD",
    sources: [...instruction.sources.map((source) => sourceOf(word(source.text))), ...inlineSources(state, instruction)],
    destination: absolute(state, destination),
    from: instruction.from && resolveFrom(instruction.from.value!, { ...scope, range: instruction.range }),
    chown: optional(instruction.chown) || undefined,
    chmod: optional(instruction.chmod) || undefined,
    link: instruction.link,
    parents: instruction.parents,
    exclude: instruction.exclude.map(word),
    checksum: optional(instruction.checksum) || undefined,
    keepGitDir: instruction.keepGitDir,
    unpack: { local: instruction.unpack ?? instruction.kind === "ADD", remote: instruction.unpack ?? false },
  };
  checkTransfer(operation, instruction);
  const createdBy = transferHistory(operation, destination);
  return { state: { ...state, history: [...state.history, { createdBy, layer: true }] }, operation };
}

/** Keeps a trailing slash; `.` and `` mean the working directory. */
function absolute(state: StageState, path: string): string {
  const slash = path.endsWith("/") || path === "." || path === "" || path.endsWith("/.");
  const resolved = posix.resolve("/", state.config.WorkingDir || "/", path);
  return slash && resolved !== "/" ? `${resolved}/` : resolved;
}

function sourceOf(text: string): CopySource {
  if (isGitSourceOfAdd(text)) return { kind: "git", url: text };
  if (/^https?:\/\//.test(text)) return { kind: "url", url: text };
  return { kind: "path", path: text };
}

function inlineSources(state: StageState, instruction: tree.Transfer): CopySource[] {
  return instruction.inline.map((heredoc) => {
    const content = heredoc.chomp ? chompTabs(heredoc.content) : heredoc.content;
    if (!heredoc.expand) return { kind: "inline", name: heredoc.name, content };
    const expanded = expand(content, state.env, { escape: "\\", skipQuotes: true });
    if ("message" in expanded) throw atPlace(expanded.message, heredoc.range);
    return { kind: "inline", name: heredoc.name, content: expanded.text };
  });
}

function checkTransfer(operation: CopyOperation, { range }: tree.Transfer): void {
  const remote = operation.sources.find((source) => source.kind === "url" || source.kind === "git");
  if (remote && !operation.add)
    throw atPlace(remote.kind === "url" ? "source can't be a URL for COPY" : "source can't be a git ref for COPY", range);
  if (operation.checksum !== undefined && operation.sources.length !== 1)
    throw atPlace("checksum can't be specified for multiple sources", range);
  if (operation.checksum !== undefined && !remote) throw atPlace("checksum requires HTTP(S) or Git sources", range);
  const malformed = operation.checksum !== undefined && remote?.kind === "url" ? digestProblem(operation.checksum) : undefined;
  if (malformed !== undefined) throw atPlace(malformed, range);
  const message = operation.chmod === undefined ? undefined : checkChmod(operation.chmod);
  if (message !== undefined) throw atPlace(message, range);
}

/** Hexadecimal digits of the digests that BuildKit knows. */
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What is wrong with a digest, in the words of go-digest, which BuildKit passes on. */
function digestProblem(text: string): string | undefined {
  const [, algorithm = "", encoded = ""] = /^([^:]+):(.+)$/.exec(text) ?? [];
  const length = DIGEST_LENGTHS[algorithm];
  if (algorithm === "") return "invalid checksum digest format";
  if (length === undefined)
    return /^[A-Za-z0-9_+.-]+:[A-Fa-f0-9]+$/.test(text) ? "unsupported digest algorithm" : "invalid checksum digest format";
  if (encoded.length !== length) return "invalid checksum digest length";
  return /^[a-f0-9]+$/.test(encoded) ? undefined : "invalid checksum digest format";
}

function transferHistory(operation: CopyOperation, destination: string): string {
  const sources = operation.sources.map((source) => {
    if (source.kind === "path") return source.path;
    return source.kind === "inline" ? `<<${source.name}` : source.url;
  });
  const flags = [
    operation.parents ? "--parents" : "",
    operation.chown === undefined ? "" : `--chown=${operation.chown}`,
    operation.chmod === undefined ? "" : `--chmod=${operation.chmod}`,
  ];
  return [operation.add ? "ADD" : "COPY", ...flags.filter(Boolean), ...sources, destination, "# buildkit"].join(" ");
}
