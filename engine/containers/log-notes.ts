/**
 * What a log driver was told to note with every line: labels, variables and a tag, by `--log-opt labels=`, `labels-regex=`,
 * `env=`, `env-regex=` and `tag=`.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/logger/loginfo.go
 */
import type { LogConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import type { ContainerRecord } from "./containers.ts";

type Options = Readonly<Record<string, string>>;

/** By name, in no order. */
export function logNotes(record: ContainerRecord): Record<string, string> {
  const options = record.hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries(
    (record.config.Env ?? []).filter((text) => text.includes("=")).map((text) => [text.split("=")[0]!, text.slice(text.indexOf("=") + 1)]),
  );
  return {
    ...chosen(record.config.Labels ?? {}, options, "labels"),
    ...chosen(variables, options, "env"),
    ...(options["tag"] && { tag: tagOf(options["tag"], record) }),
  };
}

function chosen(values: Readonly<Record<string, string>>, options: Options, option: "labels" | "env"): Record<string, string> {
  const names = (options[option] ?? "").split(",");
  const pattern = options[`${option}-regex`];
  const expression = pattern ? new RegExp(pattern) : undefined;
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name) || expression?.test(name)));
}

const FIELDS: Readonly<Record<string, (record: ContainerRecord) => string>> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ imageId }) => imageId.replace("sha256:", "").slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ImageName: ({ config }) => config.Image ?? "",
  DaemonName: () => "docker",
  Command: ({ path, args }) => [path, ...args].join(" "),
};
const ACTION = /\{\{-?\s*\.(\w+)\s*-?\}\}/g;

function tagOf(template: string, record: ContainerRecord): string {
  return template.replace(ACTION, (_, name: string) => FIELDS[name]!(record));
}

/** @throws {EngineError} invalid for a pattern or a template that cannot be, as the driver says it */
export function checkLogNotes({ Config }: LogConfig = {}): void {
  const refuse = (reason: string): never => {
    throw new EngineError("invalid", `failed to initialize logging driver: ${reason}`);
  };
  for (const option of ["labels-regex", "env-regex"])
    try {
      void new RegExp(Config?.[option] ?? "");
    } catch (error) {
      const said = /: ([^:]*)$/.exec((error as Error).message)?.[1]?.toLowerCase() ?? "invalid";
      refuse(`error parsing regexp: ${said === "unterminated group" ? "missing closing )" : said}: \`${Config?.[option]}\``);
    }
  const tag = Config?.["tag"] ?? "";
  for (const [, name] of tag.matchAll(ACTION))
    if (!Object.hasOwn(FIELDS, name!)) refuse(`template: log-tag:1: can't evaluate field ${name} in type loggerutils.info`);
  if (tag.replace(ACTION, "").includes("{{")) refuse("template: log-tag:1: unclosed action");
}
