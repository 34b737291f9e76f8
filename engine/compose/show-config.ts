/** What `compose config` prints, byte for byte docker compose's, except that lists which it prints in any order are sorted here. */
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { variablesOf } from "../syntax/interpolate.ts";
import { canonicalReference, parseReference, withDefaultTag } from "../syntax/reference.ts";
import { mapsIn } from "./defaults.ts";
import { serviceHash } from "./hash.ts";
import { jsonText } from "./json-text.ts";
import { loadProject, loadProjectModel } from "./load.ts";
import type { LoadOptions } from "./load.ts";
import { OrderedMap, nullLists, printedProject } from "./print.ts";
import { ComposeError } from "./project.ts";
import type { ComposeWarning, Project } from "./project.ts";
import { allServices } from "./select.ts";
import type { ServiceConfig } from "./service.ts";
import { yamlText } from "./yaml-text.ts";

/** What to print instead of the project. */
export type ConfigList = "services" | "volumes" | "networks" | "models" | "profiles" | "images" | "variables" | "environment";

export interface ConfigOptions {
  /** Files, switches and selected services. */
  readonly load: LoadOptions;
  readonly format?: string;
  readonly list?: ConfigList | undefined;
  /** `*`, or names of services divided by commas: print their hashes. */
  readonly hash?: string | undefined;
  readonly onlyImages?: boolean;
  /** Pins image references: gives the digest of a familiar or full name. */
  readonly digestOf?: ((reference: string) => Promise<string>) | undefined;
}

export interface ShownConfig {
  text: string;
  warnings: ComposeWarning[];
}

/** @throws {ComposeError} */
export async function showConfig(options: ConfigOptions, signal?: AbortSignal): Promise<ShownConfig> {
  const { list, hash, load } = options;
  if (list === "variables") return showVariables(options, signal);
  if (!list && !hash) return load.skipInterpolation ? showModel(options, signal) : showProject(options, signal);
  const whole = list === "services" || list === "volumes" || list === "networks" || list === "models" || !list;
  const { services: _selected, ...rest } = load;
  const { project, warnings } = await loadProject({ ...(whole ? rest : load), skipEnvironmentResolution: list !== "environment" }, signal);
  const lines = list ? LISTS[list](project) : hashes(project, hash ?? "*");
  return { text: lines.map((line) => `${line}\n`).join(""), warnings };
}

const LISTS: Readonly<Record<Exclude<ConfigList, "variables">, (project: Project) => string[]>> = {
  services: inStartOrder,
  volumes: ({ volumes }) => Object.keys(volumes).sort(),
  networks: ({ networks }) => Object.keys(networks).sort(),
  models: ({ models }) =>
    Object.values(models)
      .flatMap(({ model }) => (model ? [model] : []))
      .sort(),
  profiles: (project) => [...new Set(Object.values(allServices(project)).flatMap(({ profiles }) => profiles ?? []))].sort(),
  images: ({ name: project, services }) =>
    Object.entries(services)
      .map(([name, { image }]) => image ?? `${project}-${name}`)
      .sort(),
  environment: ({ environment }) =>
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
};

/** Dependencies first. */
function inStartOrder({ services }: Project): string[] {
  const names = new Set<string>();
  const visit = (name: string) => {
    const service = services[name];
    if (!service || names.has(name)) return;
    for (const other of Object.keys(service.depends_on ?? {}).sort()) visit(other);
    names.add(name);
  };
  for (const name of Object.keys(services).sort()) visit(name);
  return [...names];
}

function hashes({ services, disabledServices }: Project, asked: string): string[] {
  const names = asked === "*" ? Object.keys(services) : asked.split(",");
  return names.sort().map((name) => {
    const service = services[name];
    const why = name in disabledServices ? "disabled" : "not found";
    if (!service) throw new ComposeError(`no such service: ${name}: ${why}`);
    const { label_file: _read, ...rest } = service;
    return `${name} ${serviceHash(rest)}`;
  });
}

async function showProject(options: ConfigOptions, signal?: AbortSignal): Promise<ShownConfig> {
  const format = formatOf(options);
  const { project: loaded, warnings } = await loadProject(options.load, signal);
  const project = await pinned(withoutLabelFiles(loaded), options.digestOf);
  const text = write(printedProject(options.onlyImages ? imagesOnly(project) : project, format), format);
  return { text: text.replaceAll("$", "$$$$"), warnings };
}

/** Their labels are in `labels`. */
function withoutLabelFiles(project: Project): Project {
  return { ...project, services: mapServices(project.services, ({ label_file: _read, ...rest }) => rest) };
}

function mapServices(
  services: Record<string, ServiceConfig>,
  change: (service: ServiceConfig) => ServiceConfig,
): Record<string, ServiceConfig> {
  return Object.fromEntries(Object.entries(services).map(([name, service]) => [name, change(service)]));
}

function formatOf({ format = "yaml" }: ConfigOptions): "json" | "yaml" {
  if (format === "json" || format === "yaml") return format;
  throw new ComposeError(`unsupported format ${JSON.stringify(format)}`);
}

function write(value: unknown, format: "json" | "yaml"): string {
  return format === "json" ? jsonText(value, "  ") : yamlText(value);
}

/** The model in which variables still stand. */
async function showModel(options: ConfigOptions, signal?: AbortSignal): Promise<ShownConfig> {
  const format = formatOf(options);
  const { model, context } = await loadProjectModel(options.load, signal);
  if (options.digestOf) {
    for (const service of mapsIn(model["services"])) {
      if (typeof service["image"] === "string") service["image"] = await pinnedImage(service["image"], options.digestOf);
    }
  }
  const shown = options.onlyImages ? imagesOfModel(model) : model;
  return { text: write(format === "json" ? nullLists(shown) : shown, format), warnings: context.warnings };
}

function imagesOfModel(model: ValueMap): ValueMap {
  const services = isValueMap(model["services"]) ? model["services"] : {};
  const images = Object.entries(services).map(([name, service]): [string, Value] => [
    name,
    isValueMap(service) && service["image"] !== undefined ? { image: service["image"] } : {},
  ]);
  return { services: Object.fromEntries(images) };
}

function imagesOnly(project: Project): Project {
  const services = mapServices(project.services, ({ image }) => (image ? { image } : {}));
  return { ...project, name: "", services, networks: {}, volumes: {}, secrets: {}, configs: {}, models: {}, extensions: {} };
}

async function pinned(project: Project, digestOf: ConfigOptions["digestOf"]): Promise<Project> {
  if (!digestOf) return project;
  const services = await Promise.all(
    Object.entries(project.services).map(async ([name, service]): Promise<[string, ServiceConfig]> => {
      return [name, service.image ? { ...service, image: await pinnedImage(service.image, digestOf) } : service];
    }),
  );
  return { ...project, services: Object.fromEntries(services) };
}

async function pinnedImage(image: string, digestOf: (reference: string) => Promise<string>): Promise<string> {
  const result = parseReference(image);
  if ("problem" in result) throw new ComposeError(result.problem);
  const { reference } = result;
  if (reference.digest) {
    const { tag: _tag, ...rest } = reference;
    return canonicalReference(rest);
  }
  const full = canonicalReference(withDefaultTag(reference));
  return `${full}@${await digestOf(full)}`;
}

interface Variable {
  required: boolean;
  defaultValue: string;
  presenceValue: string;
}

async function showVariables(options: ConfigOptions, signal?: AbortSignal): Promise<ShownConfig> {
  const { model, context } = await loadProjectModel({ ...options.load, skipInterpolation: true }, signal);
  const variables = new Map<string, Variable>();
  collectVariables(model, variables);
  return {
    text: variablesText(
      [...variables].sort(([a], [b]) => (a < b ? -1 : 1)),
      options.format ?? "",
    ),
    warnings: context.warnings,
  };
}

function collectVariables(value: Value, into: Map<string, Variable>): void {
  if (Array.isArray(value)) for (const item of value) collectVariables(item, into);
  else if (isValueMap(value)) for (const item of Object.values(value)) collectVariables(item, into);
  else if (typeof value === "string") {
    for (const { name, operator, operand = "" } of variablesOf(value)) {
      const kind = operator?.at(-1);
      into.set(name, {
        required: kind === "?",
        defaultValue: kind === "-" ? operand : "",
        presenceValue: kind === "+" ? operand : "",
      });
    }
  }
}

function variablesText(variables: readonly (readonly [string, Variable])[], format: string): string {
  if (format === "json") {
    const shown = variables.map(([name, variable]): [string, OrderedMap] => [name, jsonVariable(name, variable)]);
    return `${jsonText(new OrderedMap(shown), "    ")}\n\n`;
  }
  if (format === "yaml") {
    const shown = variables.map(([name, { required, defaultValue, presenceValue }]): [string, OrderedMap] => [
      name,
      new OrderedMap([
        ["name", name],
        ["defaultvalue", defaultValue],
        ["presencevalue", presenceValue],
        ["required", required],
      ]),
    ]);
    return yamlText(Object.fromEntries(shown)).replace(/^ +/gm, "$&$&");
  }
  const rows = variables.map(([name, variable]) => [name, String(variable.required), variable.defaultValue, variable.presenceValue]);
  return tableText([["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"], ...rows]);
}

function jsonVariable(name: string, { required, defaultValue, presenceValue }: Variable): OrderedMap {
  return new OrderedMap([
    ["Name", name],
    ["DefaultValue", defaultValue],
    ["PresenceValue", presenceValue],
    ["Required", required],
  ]);
}

/** Columns as wide as their widest text, at least 20 and three blanks. */
function tableText(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length + 3), 20)) ?? [];
  return rows
    .map((row) => `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("")}\n`)
    .join("");
}
