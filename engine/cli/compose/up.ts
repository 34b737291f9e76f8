import type { Project } from "../../compose/project.ts";
import { ExitError } from "../cli.ts";
import { bool, int, list, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { applyScale, converge } from "./converge.ts";

const CREATE = {
  build: bool("Build images before starting containers"),
  "force-recreate": bool("Recreate containers even if their configuration and image haven't changed"),
  "no-build": bool("Don't build an image, even if it's policy"),
  "no-recreate": bool("If containers already exist, don't recreate them. Incompatible with --force-recreate."),
  pull: text('Pull image before running ("always"|"missing"|"never")', { defaultText: '"policy"' }),
  "quiet-build": bool("Suppress the build output"),
  "quiet-pull": bool("Pull without printing progress information"),
  "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
  scale: list("Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present.", { type: "scale" }),
  yes: bool('Assume "yes" as answer to all prompts and run non-interactively', { short: "y", alias: "y" }),
};

interface CreateFlags {
  readonly build: boolean;
  readonly "force-recreate": boolean;
  readonly "no-build": boolean;
  readonly "no-recreate": boolean;
  readonly pull: string;
  readonly "quiet-build": boolean;
  readonly "quiet-pull": boolean;
  readonly "remove-orphans": boolean;
  readonly yes: boolean;
}

function checkFlags(flags: CreateFlags): void {
  if (flags["force-recreate"] && flags["no-recreate"]) throw new ExitError(1, "--force-recreate and --no-recreate are incompatible");
  if (flags.build && flags["no-build"]) throw new ExitError(1, "--build and --no-build are incompatible");
  if (!["", "policy", "always", "missing", "never", "build"].includes(flags.pull))
    throw new ExitError(1, `invalid --pull option ${JSON.stringify(flags.pull)}`);
}

function converging(flags: CreateFlags, env: NodeJS.ProcessEnv) {
  const recreate = flags["force-recreate"] ? ("force" as const) : flags["no-recreate"] ? ("never" as const) : ("diverged" as const);
  const orphans = flags["remove-orphans"] || env["COMPOSE_REMOVE_ORPHANS"] === "true" || env["COMPOSE_REMOVE_ORPHANS"] === "1";
  return {
    build: flags.build,
    noBuild: flags["no-build"],
    pull: flags.pull === "policy" ? "" : flags.pull,
    quietPull: flags["quiet-pull"],
    quietBuild: flags["quiet-build"],
    assumeYes: flags.yes,
    up: { recreate, recreateDependencies: flags["no-recreate"] ? ("never" as const) : ("diverged" as const), removeOrphans: orphans },
  };
}

export const up = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    ...CREATE,
    "abort-on-container-exit": bool("Stops all containers if any container was stopped. Incompatible with -d"),
    "abort-on-container-failure": bool("Stops all containers if any container exited with failure. Incompatible with -d"),
    "always-recreate-deps": bool("Recreate dependent containers. Incompatible with --no-recreate."),
    attach: list("Restrict attaching to the specified services. Incompatible with --attach-dependencies.", { type: "stringArray" }),
    "attach-dependencies": bool("Automatically attach to log output of dependent services"),
    detach: bool("Detached mode: Run containers in the background", { short: "d" }),
    "exit-code-from": text("Return the exit code of the selected service container. Implies --abort-on-container-exit"),
    menu: bool(
      "Enable interactive shortcuts when running attached. Incompatible with --detach. Can also be enable/disable by setting COMPOSE_MENU environment var.",
    ),
    "no-attach": list("Do not attach (stream logs) to the specified services", { type: "stringArray" }),
    "no-color": bool("Produce monochrome output"),
    "no-deps": bool("Don't start linked services"),
    "no-log-prefix": bool("Don't print prefix in logs"),
    "no-start": bool("Don't start the services after creating them"),
    "renew-anon-volumes": bool("Recreate anonymous volumes instead of retrieving data from the previous containers", { short: "V" }),
    timeout: int("Use this timeout in seconds for container shutdown when attached or when containers are already running", { short: "t" }),
    timestamps: bool("Show timestamps"),
    wait: bool("Wait for services to be running|healthy. Implies detached mode."),
    "wait-timeout": int("Maximum duration in seconds to wait for the project to be running|healthy"),
    watch: bool("Watch source code and rebuild/refresh containers when files are updated.", { short: "w" }),
  },
  async run(compose, { args, flags, given }) {
    checkFlags(flags);
    const aborts = flags["abort-on-container-exit"] || flags["abort-on-container-failure"] || flags["exit-code-from"] !== "";
    const detached = flags.detach || flags.wait;
    if (detached && (aborts || flags["attach-dependencies"] || flags.attach.length > 0 || flags.watch))
      throw new ExitError(
        1,
        `--${flags.wait ? "wait" : "detach"} cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies`,
      );
    if (flags["always-recreate-deps"] && flags["no-recreate"])
      throw new ExitError(1, "--always-recreate-deps and --no-recreate are incompatible");
    if (flags["no-start"] && (detached || aborts))
      throw new ExitError(1, "--no-start cannot be combined with --detach, --wait or --abort-on-container-exit");
    if (flags["attach-dependencies"] && flags.attach.length > 0)
      throw new ExitError(1, "cannot combine --attach and --attach-dependencies");
    const project = applyScale(await compose.project(args, { checkPorts: true }), flags.scale);
    if (Object.keys(project.services).length === 0) throw new ExitError(1, "no service selected");
    const from = flags["exit-code-from"];
    if (from && !Object.hasOwn(project.services, from)) throw new ExitError(1, `no such service: ${from}: not found`);
    for (const name of [...flags.attach, ...flags["no-attach"]])
      if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const common = converging(flags, compose.cli.env);
    const options = {
      ...common,
      named: args,
      dependencies: !flags["no-deps"],
      up: {
        ...common.up,
        ...(flags["always-recreate-deps"] ? { recreateDependencies: "force" as const } : {}),
        start: !flags["no-start"],
        wait: flags.wait,
      },
      execute: {
        renewVolumes: flags["renew-anon-volumes"],
        stopTimeoutSeconds: given.has("timeout") ? flags.timeout : undefined,
        waitTimeoutSeconds: flags["wait-timeout"] || undefined,
      },
    };
    if (detached || flags["no-start"] || compose.dryRun) return void (await converge(compose, project, options));
    const { upAttached } = await import("./up-attached.ts");
    return upAttached(compose, project, {
      converge: options,
      shows: shown(project, { ...flags, args }),
      color: !flags["no-color"],
      prefix: !flags["no-log-prefix"],
      timestamps: flags.timestamps,
      abortOnExit: flags["abort-on-container-exit"] || from !== "",
      abortOnFailure: flags["abort-on-container-failure"],
      exitCodeFrom: from,
      watch: flags.watch,
      menu: given.has("menu") ? flags.menu : ["1", "true"].includes(compose.cli.env["COMPOSE_MENU"] ?? ""),
    });
  },
});

interface Shown {
  readonly args: readonly string[];
  readonly attach: readonly string[];
  readonly "no-attach": readonly string[];
  readonly "attach-dependencies": boolean;
}

/** Whose output is shown: of what was named, unless something else was said. */
function shown(project: Project, flags: Shown): (service: string) => boolean {
  const chosen =
    flags.attach.length > 0
      ? flags.attach
      : flags["attach-dependencies"] || flags.args.length === 0
        ? Object.keys(project.services)
        : flags.args;
  return (service) => {
    if (flags["no-attach"].includes(service) || !chosen.includes(service)) return false;
    return flags.attach.includes(service) || project.services[service]?.attach !== false;
  };
}

export const create = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: CREATE,
  async run(compose, { args, flags }) {
    checkFlags(flags);
    const project = applyScale(await compose.project(args, { checkPorts: true }), flags.scale);
    const common = converging(flags, compose.cli.env);
    await converge(compose, project, { ...common, named: args, dependencies: true, up: { ...common.up, start: false }, title: "Creating" });
  },
});

export const scale = composeCommand({
  usage: "[SERVICE=REPLICAS...]",
  arity: [1, Infinity],
  flags: { "no-deps": bool("Don't start linked services") },
  async run(compose, { args, flags }) {
    const names = args.map((text) => text.split("=")[0]!);
    const project = applyScale(await compose.project(names), args);
    await converge(compose, project, {
      named: names,
      dependencies: !flags["no-deps"],
      up: { recreate: "never", recreateDependencies: "never" },
    });
  },
});
