/** RUN: the argument vector, its heredocs, its mounts and its environment. */
import { posix } from "node:path";
import { expand } from "../syntax/dockerfile/expand.ts";
import { chompTabs, wholeHeredoc } from "../syntax/dockerfile/heredoc.ts";
import { parseMount } from "../syntax/dockerfile/mount.ts";
import type { Mount } from "../syntax/dockerfile/mount.ts";
import type { Run } from "../syntax/dockerfile/tree.ts";
import { cacheMountId } from "./build-args.ts";
import { atPlace, resolveFrom } from "./graph.ts";
import type { Evaluated, EvaluateScope, RunOperation, StepMountSpec } from "./operation.ts";
import { commandLine } from "./stage-state.ts";
import type { StageState } from "./stage-state.ts";

const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

export function evaluateRun(state: StageState, instruction: Run, scope: EvaluateScope): Evaluated {
  refuseDevices(instruction);
  const { args, script } = runCommand(state, instruction);
  const operation: RunOperation = {
    kind: "run",
    args,
    script,
    env: [...state.env].map(([key, value]) => `${key}=${value}`),
    argNames: state.args.map(([name]) => name),
    proxyEnv: proxyEnv(state, scope),
    workingDir: state.config.WorkingDir || "/",
    user: state.config.User ?? "",
    network: instruction.network === "default" ? undefined : instruction.network,
    security: instruction.security,
    mounts: mountSpecs(state, instruction, scope),
  };
  const createdBy = `RUN ${[...argsNote(state), ...args].join(" ")} # buildkit`;
  return { state: { ...state, history: [...state.history, { createdBy, layer: true }] }, operation };
}

/** No devices are registered: without one that is not required a RUN does as well. */
function refuseDevices({ devices, range }: Run): void {
  for (const text of devices) {
    const [name = "", ...options] = text.split(",");
    const required = options.some((option) => /^required(?:=true)?$/i.test(option));
    if (required) throw atPlace(`required device ${JSON.stringify(name)} is not registered: Berth knows no CDI devices`, range);
  }
}

/** `|2 A=1 B=2`: the build arguments that the command saw. */
function argsNote(state: StageState): string[] {
  const values = new Map(state.args.map(([key, value]) => [key, state.env.get(key) ?? value ?? ""]));
  if (values.size === 0) return [];
  return [`|${values.size}`, ...[...values].map(([key, value]) => `${key}=${value}`)];
}

function runCommand(state: StageState, instruction: Run): Pick<RunOperation, "args" | "script"> {
  const [first] = instruction.heredocs;
  if (!first || !instruction.command.shell) return { args: commandLine(state, instruction.command), script: undefined };
  const text = instruction.command.args.join(" ");
  if (wholeHeredoc(text)) {
    const content = first.chomp ? chompTabs(first.content) : first.content;
    const path = `/dev/pipes/${first.name}`;
    if (content.startsWith("#!")) return { args: commandLine(state, { shell: true, args: [path] }), script: { path, content } };
    return { args: commandLine(state, { shell: true, args: [content] }), script: undefined };
  }
  const whole = instruction.heredocs.reduce((line, heredoc) => `${line}\n${heredoc.content}${heredoc.name}`, text);
  return { args: commandLine(state, { shell: true, args: [whole] }), script: undefined };
}

/** Proxy settings of the command line reach the command in both spellings, unless an ARG declares them. */
function proxyEnv(state: StageState, { graph }: EvaluateScope): string[] {
  return proxies.flatMap((upper) => {
    const names = [upper, upper.toLowerCase()];
    const value = names.map((name) => graph.options.buildArgs[name]).find((given) => given != null);
    if (value === undefined || value === null) return [];
    return names.filter((name) => !state.env.has(name)).map((name) => `${name}=${value}`);
  });
}

function mountSpecs(state: StageState, instruction: Run, scope: EvaluateScope): StepMountSpec[] {
  const specs: StepMountSpec[] = [];
  for (const { value } of instruction.mounts) {
    const agents = specs.filter(({ mount }) => mount.type === "ssh").length;
    specs.push(mountSpec(value!, { state, instruction, scope, agents }));
  }
  return specs;
}

/** @param place.agents mounts of ssh agents before this one */
function mountSpec(
  text: string,
  { state, instruction, scope, agents }: { state: StageState; instruction: Run; scope: EvaluateScope; agents: number },
): StepMountSpec {
  const expanded = expand(text, state.env, { escape: scope.graph.dockerfile.escape, rawQuotes: true });
  const mount = "message" in expanded ? expanded : parseMount(expanded.text);
  if ("message" in mount) throw atPlace(mount.message, instruction.range);
  const target = posix.resolve("/", state.config.WorkingDir || "/", mount.target ?? defaultTarget(mount, agents));
  if (target === "/") throw atPlace(`invalid mount target ${JSON.stringify(target)}`, instruction.range);
  const from = mount.from === undefined ? undefined : resolveFrom(mount.from, { ...scope, range: instruction.range });
  if (mount.type !== "cache") return { mount, target, from };
  return { mount: { ...mount, id: cacheMountId(scope.graph.options.buildArgs, { id: mount.id, target }) }, target, from };
}

function defaultTarget({ type, id, source }: Mount, agents: number): string {
  if (type === "secret") return `/run/secrets/${posix.basename(id ?? source ?? "")}`;
  return type === "ssh" ? `/run/buildkit/ssh_agent.${agents}` : "/";
}
