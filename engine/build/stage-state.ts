/**
 * What a stage is after some of its instructions: the image's configuration, the build's environment and the history.
 * Values are never changed in place; each instruction makes a new state.
 */
import type { ContainerConfig } from "../api/types/container.ts";
import type { ImageConfig } from "../images/images.ts";
import type { Command } from "../syntax/dockerfile/tree.ts";

export interface HistoryStep {
  readonly createdBy: string;
  /** The step added a layer. */
  readonly layer: boolean;
}

export interface StageState {
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** ENV and ARG: what variables expand to and what RUN's commands see. */
  readonly env: ReadonlyMap<string, string>;
  /** Declared ARGs in order; undefined for one without a value. */
  readonly args: readonly (readonly [string, string | undefined])[];
  /** CMD was set by this stage, so that ENTRYPOINT does not reset it. */
  readonly commandSet: boolean;
  /** Of this build; the base image's comes before it. */
  readonly history: readonly HistoryStep[];
}

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `FROM scratch`. */
export function emptyState(): StageState {
  return stateOfConfig({ Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: "/" }, undefined);
}

/** A stage that begins with an image; its ONBUILD triggers are not part of what it builds. */
export function stateOfImage(image: ImageConfig): StageState {
  const { OnBuild: _, ...config } = image.config ?? {};
  const env = config.Env ?? [];
  const withPath = env.some((entry) => entry.startsWith("PATH=")) ? env : [...env, `PATH=${DEFAULT_PATH}`];
  return stateOfConfig({ ...config, Env: withPath }, image.author);
}

/** A stage that begins with another stage: it inherits everything but the triggers. */
export function stateOfStage(base: StageState): StageState {
  const { OnBuild: _, ...config } = base.config;
  return { ...base, config, commandSet: false };
}

function stateOfConfig(config: ContainerConfig, author: string | undefined): StageState {
  const env = new Map((config.Env ?? []).map((entry) => splitEntry(entry)));
  return { config, author, env, args: [], commandSet: false, history: [] };
}

function splitEntry(entry: string): [string, string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

/** The list with `key` replaced where it stands, or added at the end. */
export function withEntry(env: readonly string[], key: string, value: string): string[] {
  const index = env.findIndex((entry) => splitEntry(entry)[0] === key);
  return index < 0 ? [...env, `${key}=${value}`] : env.with(index, `${key}=${value}`);
}

/** The argument vector; a shell form is one argument of the stage's shell. */
export function commandLine(state: StageState, command: Command): string[] {
  if (!command.shell) return [...command.args];
  const shell = state.config.Shell?.length ? state.config.Shell : ["/bin/sh", "-c"];
  return [...shell, command.args.join(" ")];
}
