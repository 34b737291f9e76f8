/**
 * What every compose command works with: the command line's engine, and the project that the flags in front of the verb name.
 */
import type { ContainerSummary } from "../../api/types/container.ts";
import type { DockerClient } from "../../client/client.ts";
import { credentialsText, usesApiSocket, withApiSocket } from "../../compose/api-socket.ts";
import { LABEL } from "../../compose/labels.ts";
import { loadProject } from "../../compose/load.ts";
import type { LoadOptions } from "../../compose/load.ts";
import { listContainers, serviceOf } from "../../compose/observe.ts";
import { neededServices } from "../../compose/plan-down.ts";
import { ComposeError } from "../../compose/project.ts";
import type { ComposeWarning, Project } from "../../compose/project.ts";
import { ExitError } from "../cli.ts";
import type { Arity, Call, Cli } from "../cli.ts";
import { bool, int, list, text } from "../flags.ts";
import type { FlagTable, FlagValues } from "../flags.ts";
import { openProgress } from "./progress.ts";
import type { Progress } from "./progress.ts";

/** Flags between `compose` and the verb. */
export const COMPOSE_FLAGS = {
  "all-resources": bool("Include all resources, even those not used by services"),
  ansi: text('Control when to print ANSI control characters ("never"|"always"|"auto")', {
    initial: "auto",
    check: oneOf("never", "always", "auto"),
  }),
  compatibility: bool("Run compose in backward compatibility mode"),
  "dry-run": bool("Execute command in dry run mode"),
  "env-file": list("Specify an alternate environment file", { type: "stringArray" }),
  file: list("Compose configuration files", { short: "f", type: "stringArray" }),
  parallel: int("Control max parallelism, -1 for unlimited", { defaultText: "-1" }),
  profile: list("Specify a profile to enable", { type: "stringArray" }),
  progress: text("Set type of progress output (auto, tty, plain, json, quiet)"),
  "project-directory": text("Specify an alternate working directory\n(default: the path of the, first specified, Compose file)"),
  "project-name": text("Project name", { short: "p" }),
  host: list("Daemon socket to connect to", { short: "H", hidden: true }),
  context: text("Name of the context to use", { short: "c", hidden: true }),
  verbose: bool("Show more output", { hidden: true }),
  workdir: text("", { hidden: true }),
  version: bool("Show the Docker Compose version information", { short: "v", hidden: true }),
};

function oneOf(...values: readonly string[]): (value: string) => void {
  return (value) => {
    if (!values.includes(value))
      throw new Error(`unsupported value ${JSON.stringify(value)}: must be one of ${values.filter(Boolean).join(", ")}`);
  };
}

export type ComposeFlags = FlagValues<typeof COMPOSE_FLAGS>;

/** A verb of `berth compose`. */
export interface ComposeCommand {
  readonly usage: string;
  readonly about?: string;
  readonly flags: FlagTable;
  readonly arity: Arity;
  readonly interspersed?: boolean;
  run(compose: Compose, call: Call<FlagTable>): Promise<number | void>;
}

/** A verb whose calls know the types of its flags. */
export function composeCommand<const F extends FlagTable>(
  definition: Omit<ComposeCommand, "flags" | "run"> & { readonly flags: F; run(compose: Compose, call: Call<F>): Promise<number | void> },
): ComposeCommand {
  return definition as unknown as ComposeCommand;
}

/** One call of a verb. */
export class Compose {
  readonly cli: Cli;
  readonly flags: ComposeFlags;
  readonly dryRun: boolean;

  constructor(cli: Cli, flags: ComposeFlags) {
    this.cli = cli;
    this.flags = flags;
    this.dryRun = flags["dry-run"];
  }

  client(): Promise<DockerClient> {
    return this.cli.client();
  }

  get signal(): AbortSignal {
    return this.cli.signal;
  }

  /** Steps at the same time; 0 when nothing was said. */
  get parallel(): number {
    const asked = this.flags.parallel ?? Number(this.cli.env["COMPOSE_PARALLEL_LIMIT"] ?? 0);
    return asked > 0 ? asked : 0;
  }

  /**
   * The project of the compose files, its warnings printed.
   * @param services only these are asked for: their profiles are on
   * @throws {ExitError} with the place of the mistake
   */
  async project(services: readonly string[] = [], options: Pick<LoadOptions, "checkPorts"> = {}): Promise<Project> {
    const { project } = await this.reading(() => loadProject({ ...this.loadOptions(services), ...options }, this.signal));
    if (!usesApiSocket(project)) return project;
    const { allCredentials } = await import("../credentials.ts");
    return withApiSocket(project, credentialsText(await allCredentials(this.cli)));
  }

  /** What the flags in front of the verb say about files, names and variables. */
  loadOptions(services: readonly string[] = []): LoadOptions {
    const { cli, flags } = this;
    return {
      cwd: cli.cwd,
      env: cli.env,
      files: flags.file,
      envFiles: flags["env-file"],
      profiles: flags.profile,
      services,
      allResources: flags["all-resources"],
      stdin: () => import("node:stream/consumers").then(({ text: read }) => read(cli.stdin)),
      ...(flags["project-directory"] || flags.workdir ? { projectDirectory: flags["project-directory"] || flags.workdir } : {}),
      ...(flags["project-name"] ? { projectName: flags["project-name"] } : {}),
    };
  }

  /** Reads compose files and prints the warnings. @throws {ExitError} with the place of the mistake */
  async reading<T extends { warnings: readonly ComposeWarning[] }>(read: () => Promise<T>): Promise<T> {
    try {
      const result = await read();
      for (const message of new Set(result.warnings.map((warning) => warning.message))) this.warn(message);
      return result;
    } catch (error) {
      if (error instanceof ComposeError) throw new ExitError(1, error.located);
      throw error;
    }
  }

  /** Like project; with only a name given, what the engine knows by that name. */
  async projectOrName(services: readonly string[] = []): Promise<{ project: Project; withoutFile: boolean }> {
    const name = this.flags["project-name"] || this.cli.env["COMPOSE_PROJECT_NAME"];
    if (this.flags.file.length > 0 || !name || this.cli.env["COMPOSE_FILE"])
      return { project: await this.project(services), withoutFile: false };
    const project = await this.#projectOf(name);
    for (const service of services) if (!Object.hasOwn(project.services, service)) throw new ExitError(1, `no such service: ${service}`);
    return { project, withoutFile: true };
  }

  /** Services and their order, from the labels of what is there. */
  async #projectOf(name: string): Promise<Project> {
    const containers = await listContainers(await this.client(), name, { signal: this.signal });
    return projectOfContainers(name, containers);
  }

  warn(message: string): void {
    this.cli.complain(
      `time="${new Date(this.cli.now()).toISOString().replace(/\.\d+Z$/, "Z")}" level=warning msg=${JSON.stringify(message)}`,
    );
  }

  /** Runs an operation that tells its progress on stderr. */
  async progress<T>(title: string, action: (progress: Progress) => Promise<T>, options: { quiet?: boolean } = {}): Promise<T> {
    const mode = options.quiet ? "quiet" : this.flags.progress || this.cli.env["COMPOSE_PROGRESS"] || "auto";
    const progress = openProgress({ output: this.cli.stderr, mode, ansi: this.ansi, title, dryRun: this.dryRun, now: this.cli.now });
    try {
      return await action(progress);
    } finally {
      progress.close();
    }
  }

  /** Whether to color and move the cursor. */
  get ansi(): "never" | "always" | "auto" {
    return (this.flags.ansi !== "auto" ? this.flags.ansi : (this.cli.env["COMPOSE_ANSI"] ?? "auto")) as "never" | "always" | "auto";
  }
}

/** A project as its containers' labels tell it. */
export function projectOfContainers(name: string, containers: readonly ContainerSummary[]): Project {
  const services: Project["services"] = {};
  for (const container of containers) {
    const needs = neededServices(container).map((other) => [other, { condition: "service_started", required: false }] as const);
    services[serviceOf(container)] = { image: container.Image, depends_on: Object.fromEntries(needs) };
  }
  const first = containers[0]?.Labels ?? {};
  return {
    name,
    services,
    disabledServices: {},
    networks: {},
    volumes: {},
    secrets: {},
    configs: {},
    models: {},
    extensions: {},
    workingDir: first[LABEL.workingDirectory] ?? "",
    files: (first[LABEL.configFiles] ?? "").split(",").filter(Boolean),
    environment: {},
    envFiles: [],
    profiles: [],
  };
}
