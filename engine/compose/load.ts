/** Options → files → model → project. */
import { parseComposeTree } from "../syntax/compose-tree.ts";
import type { ComposeTree } from "../syntax/compose-tree.ts";
import { isValueMap } from "../syntax/compose-value.ts";
import type { ValueMap } from "../syntax/compose-value.ts";
import { interpolate } from "../syntax/interpolate.ts";
import { checkConsistency, checkContainerNames } from "./consistency.ts";
import { decodeShape } from "./decode.ts";
import { checkProjectName, discover, nameOfDirectory, normalizeProjectName } from "./discover.ts";
import type { Discovery } from "./discover.ts";
import { resolveEnvironment, resolveLabels } from "./env-files.ts";
import { loadModel, placed, readText } from "./model.ts";
import { normalizeModel } from "./normalize.ts";
import { mapAll } from "./paths.ts";
import { ComposeError } from "./project.ts";
import type { ComposeWarning, Project } from "./project.ts";
import { withProfiles, withSelectedServices, withServicesEnabled, withoutUnusedResources } from "./select.ts";
import type { ModelContext, ModelFile } from "./scope.ts";
import type { ServiceConfig } from "./service.ts";
import { FILE_OBJECT, MODEL, NETWORK, SERVICE, VOLUME } from "./shapes.ts";
import type { Shape } from "./shapes.ts";
import { checkPortClashes } from "./port-clashes.ts";
import { Sources } from "./sources.ts";

/** What decides which files make the project and how they are read: flags, environment, directory. */
export interface LoadOptions {
  /** Absolute directory where the command was called. */
  cwd: string;
  /** Variables of the process. */
  env: Readonly<Record<string, string | undefined>>;
  /** `-f`, in order; `-` is `stdin`. Empty or missing: COMPOSE_FILE, then the default names, upwards. */
  files?: readonly string[];
  /** `--project-directory`. */
  projectDirectory?: string;
  /** `-p`. */
  projectName?: string;
  /** `--env-file`; replaces `.env`. Empty: COMPOSE_ENV_FILES, then `.env`. */
  envFiles?: readonly string[];
  /** `--profile`; empty: COMPOSE_PROFILES. */
  profiles?: readonly string[];
  /** Only these services and what they need; the profiles that they carry are switched on. Empty: all. */
  services?: readonly string[];
  /** Keep networks, volumes, secrets and configs that no service uses (`--all-resources`). */
  allResources?: boolean;
  /** Text of `-f -`. */
  stdin?: () => Promise<string>;
  /** Leave `$VAR` as it stands. */
  skipInterpolation?: boolean;
  /** No default network, no names from keys. */
  skipNormalization?: boolean;
  /** Leave relative paths relative. */
  skipPathResolution?: boolean;
  /** Do not look for undefined networks, cycles and the like. */
  skipConsistency?: boolean;
  /** Throw when two containers would publish the same host port: before anything is created. */
  checkPorts?: boolean;
  /** Do not read `env_file`s into `environment`. */
  skipEnvironmentResolution?: boolean;
}

export interface LoadedProject {
  project: Project;
  warnings: ComposeWarning[];
}

/** The merged canonical model before it becomes a project: what `config --no-interpolate` prints. */
export interface LoadedModel {
  model: ValueMap;
  discovery: Discovery;
  name: string;
  context: ModelContext;
}

/**
 * Reads the compose files that the options name and gives the project they describe.
 * Nothing is created anywhere. Variables that are not set are warnings, everything else that is wrong throws.
 *
 * @throws {ComposeError} with file, line and column when a file cannot be read or its content is wrong
 */
export async function loadProject(options: LoadOptions, signal?: AbortSignal): Promise<LoadedProject> {
  const loaded = await loadProjectModel(options, signal);
  const { context, discovery, name } = loaded;
  const { warnings } = context;
  const profiles = options.profiles?.length
    ? options.profiles
    : (discovery.environment["COMPOSE_PROFILES"] ?? "").split(",").map((text) => text.trim());
  let project = placed(context, undefined, () => {
    const whole = withProfiles(toProject(loaded.model, discovery, name), profiles.filter(Boolean));
    if (!options.skipConsistency) checkConsistency(whole);
    return whole;
  });
  if (project.name === "") throw new ComposeError("project name can't be empty. Use `--project-name` to set a valid name");
  project = placed(context, undefined, () =>
    mapServices(project, (service, key) => resolveLabels(service, { name: key, cwd: options.cwd })),
  );
  project = withSelectedServices(withServicesEnabled(project, options.services ?? []), options.services ?? []);
  if (!options.skipEnvironmentResolution) {
    const { environment } = discovery;
    const resolved = (service: ServiceConfig, key: string) =>
      resolveEnvironment(service, { name: key, cwd: options.cwd, environment, warnings });
    project = placed(context, undefined, () => mapServices(project, resolved));
  }
  placed(context, undefined, () => {
    if (!options.skipConsistency) checkContainerNames(project);
    if (options.checkPorts) checkPortClashes(project);
  });
  return { project: options.allResources ? project : withoutUnusedResources(project), warnings };
}

/** The model alone. @throws {ComposeError} */
export async function loadProjectModel(options: LoadOptions, signal?: AbortSignal): Promise<LoadedModel> {
  signal?.throwIfAborted();
  const context: ModelContext = {
    sources: new Sources(),
    warnings: [],
    skipInterpolation: options.skipInterpolation ?? false,
    signal,
  };
  const discovery = discover(options, context.warnings);
  const files = await Promise.all(
    discovery.files.map(async (name) => ({ name, tree: parseComposeTree(name === "-" ? await readInput(options) : readText(name)) })),
  );
  const name = projectName(options, discovery, files, context);
  discovery.environment["COMPOSE_PROJECT_NAME"] = name;
  const { environment, workingDir } = discovery;
  const base = options.skipPathResolution ? undefined : workingDir;
  const model = loadModel(files, { environment, directory: workingDir, base, included: [] }, context);
  if (Object.keys(model).length === 0) throw new ComposeError("empty compose file");
  if (name === "") throw new ComposeError("project name must not be empty");
  if (!options.skipNormalization) {
    model["name"] = name;
    normalizeModel(model, environment);
  }
  return { model, discovery, name, context };
}

async function readInput({ stdin }: LoadOptions): Promise<string> {
  if (!stdin) throw new ComposeError("no standard input to read the compose file from");
  return stdin();
}

/** Flag, COMPOSE_PROJECT_NAME, the last file's `name`, the directory. */
function projectName(options: LoadOptions, discovery: Discovery, files: readonly ModelFile[], context: ModelContext): string {
  const given = options.projectName || discovery.environment["COMPOSE_PROJECT_NAME"];
  if (given) return checkProjectName(given);
  const written = files.map(({ tree }) => writtenName(tree)).findLast((name) => name !== "") ?? "";
  if (written === "") return nameOfDirectory(discovery.workingDir, context.warnings);
  if (options.skipInterpolation) return normalizeProjectName(written);
  const get = (name: string) => discovery.environment[name];
  try {
    return normalizeProjectName(interpolate(written, { get }));
  } catch {
    return normalizeProjectName(written);
  }
}

function writtenName(tree: ComposeTree | undefined): string {
  for (const root of tree?.documents ?? []) {
    if (root?.kind !== "map") continue;
    const entry = root.entries.find(({ key }) => key.kind === "scalar" && key.text === "name");
    if (entry?.value?.kind === "scalar") return entry.value.text;
  }
  return "";
}

function toProject(model: ValueMap, discovery: Discovery, name: string): Project {
  const group = (kind: string, shape: Shape) => {
    const resources = isValueMap(model[kind]) ? model[kind] : {};
    return Object.fromEntries(mapAll(Object.entries(resources), ([key, value]) => [key, decodeShape(value, shape, [kind, key])]));
  };
  return {
    name,
    services: group("services", SERVICE) as Record<string, ServiceConfig>,
    disabledServices: {},
    networks: group("networks", NETWORK),
    volumes: group("volumes", VOLUME),
    secrets: group("secrets", FILE_OBJECT),
    configs: group("configs", FILE_OBJECT),
    models: group("models", MODEL),
    extensions: Object.fromEntries(Object.entries(model).filter(([key]) => key.startsWith("x-"))),
    workingDir: discovery.workingDir,
    files: discovery.files,
    environment: discovery.environment,
    envFiles: discovery.envFiles,
    profiles: [],
  };
}

function mapServices(project: Project, change: (service: ServiceConfig, name: string) => ServiceConfig): Project {
  return {
    ...project,
    services: Object.fromEntries(Object.entries(project.services).map(([name, service]) => [name, change(service, name)])),
  };
}
