import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ContainerMaker } from "../../compose/containers.ts";
import { LABEL } from "../../compose/labels.ts";
import { nameOf, replicasOf } from "../../compose/observe.ts";
import { creationNeeds, startNeeds } from "../../compose/order.ts";
import type { Project } from "../../compose/project.ts";
import type { ServiceConfig, ServicePort, ServiceVolume } from "../../compose/service.ts";
import { ExitError } from "../cli.ts";
import { startAttached } from "../commands/run.ts";
import { bool, list, text } from "../flags.ts";
import { readPublished } from "../run-config/ports.ts";
import { cut, pairs, readEnvironment } from "../run-config/text.ts";
import { splitWords } from "../../compose/shellwords.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";
import { converge, withImages } from "./converge.ts";

export const run = composeCommand({
  usage: "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
  arity: [1, Infinity],
  interspersed: false,
  flags: {
    build: bool("Build image before starting container"),
    "cap-add": list("Add Linux capabilities"),
    "cap-drop": list("Drop Linux capabilities"),
    detach: bool("Run container in background and print container ID", { short: "d" }),
    entrypoint: text("Override the entrypoint of the image"),
    env: list("Set environment variables", { short: "e", type: "stringArray" }),
    "env-from-file": list("Set environment variables from file", { type: "stringArray" }),
    interactive: bool("Keep STDIN open even if not attached", { short: "i", initial: true }),
    label: list("Add or override a label", { short: "l", type: "stringArray" }),
    name: text("Assign a name to the container"),
    "no-deps": bool("Don't start linked services"),
    "no-TTY": bool("Disable pseudo-TTY allocation (default: auto-detected)", { short: "T", alias: "no-tty" }),
    publish: list("Publish a container's port(s) to the host", { short: "p", type: "stringArray" }),
    pull: text('Pull image before running ("always"|"missing"|"never")', { defaultText: '"policy"' }),
    quiet: bool("Don't print anything to STDOUT", { short: "q" }),
    "quiet-build": bool("Suppress progress output from the build process"),
    "quiet-pull": bool("Pull without printing progress information"),
    "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
    rm: bool("Automatically remove the container when it exits"),
    "service-ports": bool("Run command with all service's ports enabled and mapped to the host", { short: "P" }),
    tty: bool("Allocate a pseudo-TTY", { short: "t", hidden: true, initial: true }),
    "use-aliases": bool("Use the service's network useAliases in the network(s) the container connects to"),
    user: text("Run as specified username or uid", { short: "u" }),
    volume: list("Bind mount a volume", { short: "v", type: "stringArray" }),
    workdir: text("Working directory inside the container", { short: "w" }),
  },
  async run(compose, { args: [service = "", ...command], flags, given }) {
    const { cli } = compose;
    const project = await compose.project([service]);
    const base = project.services[service];
    if (!base) throw new ExitError(1, `no such service: ${service}`);
    if (flags["service-ports"] && flags.publish.length > 0) throw new ExitError(1, "--service-ports and --publish are incompatible");
    const terminal = cli.stdin.isTTY === true && cli.stdout.isTTY === true;
    const tty = !flags.detach && !flags["no-TTY"] && (given.has("tty") ? flags.tty : terminal);
    const environment = await readEnvironment(flags["env-from-file"], flags.env, cli);
    const config: ServiceConfig = {
      ...withoutReplicas(base),
      ...(command.length > 0 ? { command } : given.has("entrypoint") ? { command: [] } : {}),
      ...(given.has("entrypoint") ? { entrypoint: splitWords(flags.entrypoint) } : {}),
      environment: { ...base.environment, ...Object.fromEntries(environment.map(cut)) },
      labels: { ...base.labels, ...pairs(flags.label) },
      ports: flags["service-ports"] ? (base.ports ?? []) : published(flags.publish),
      tty,
      stdin_open: flags.interactive && !flags.detach,
      ...(flags.user ? { user: flags.user } : {}),
      ...(flags.workdir ? { working_dir: flags.workdir } : {}),
      cap_add: [...(base.cap_add ?? []), ...flags["cap-add"]],
      cap_drop: [...(base.cap_drop ?? []), ...flags["cap-drop"]],
      volumes: [...(base.volumes ?? []), ...flags.volume.map((one) => readVolume(one, cli.cwd))],
    };
    const options = {
      build: flags.build,
      pull: flags.pull === "policy" ? "" : flags.pull,
      quietPull: flags["quiet-pull"],
      quietBuild: flags["quiet-build"],
    };
    const needs = flags["no-deps"] ? [] : Object.keys(startNeeds(base)).filter((name) => Object.hasOwn(project.services, name));
    if (needs.length > 0) await startNeeded(compose, project, { ...options, service, needs, removeOrphans: flags["remove-orphans"] });
    const { id, request } = await makeOneOff(compose, project, {
      service,
      config,
      name: flags.name,
      options,
      rm: flags.rm,
      aliases: flags["use-aliases"],
    });
    if (compose.dryRun) return 0;
    const client = await compose.client();
    if (flags.detach) {
      await client.containers.start(id, { signal: compose.signal });
      return cli.print(flags.name || request.name);
    }
    const attach = {
      AttachStdin: flags.interactive,
      AttachStdout: !flags.quiet,
      AttachStderr: true,
      Tty: tty,
      HostConfig: { AutoRemove: flags.rm },
    };
    return startAttached(cli, id, attach, { detachKeys: (await cli.settings()).file.detachKeys ?? "", sigProxy: true });
  },
});

/** What makes no sense for one container beside the replicas. */
function withoutReplicas(service: ServiceConfig): ServiceConfig {
  const { container_name: _name, restart: _restart, scale: _scale, post_start: _start, pre_stop: _stop, deploy, ...rest } = service;
  const { restart_policy: _policy, replicas: _replicas, ...deployed } = deploy ?? {};
  return deploy ? { ...rest, deploy: deployed } : rest;
}

interface Needs {
  readonly service: string;
  readonly needs: readonly string[];
  readonly build: boolean;
  readonly pull: string;
  readonly quietPull: boolean;
  readonly quietBuild: boolean;
  readonly removeOrphans: boolean;
}

/** Starts what the service needs, and waits for it as the service would. */
async function startNeeded(compose: Compose, project: Project, { service, needs, removeOrphans, ...options }: Needs): Promise<void> {
  // With no replica of its own, the service only waits.
  const services = { ...project.services, [service]: { ...project.services[service]!, scale: 0 } };
  await converge(compose, { ...project, services }, { ...options, named: needs, dependencies: true, up: { removeOrphans } });
  const conditions = Object.entries(startNeeds(project.services[service]!)).filter(([, { condition }]) => condition !== "service_started");
  if (conditions.length === 0 || compose.dryRun) return;
  const { ContainerWatch } = await import("../../compose/health.ts");
  const client = await compose.client();
  const watch = new ContainerWatch(client, project.name);
  const { listContainers } = await import("../../compose/observe.ts");
  const all = await listContainers(client, project.name, { signal: compose.signal });
  try {
    for (const [name, { condition, required }] of conditions)
      for (const container of replicasOf(all, name))
        await watch.reached(container.Id, condition, compose.signal).catch((error: unknown) => {
          if (!required) return;
          throw new ExitError(
            1,
            condition === "service_completed_successfully"
              ? `service ${JSON.stringify(name)} ${(error as Error).message}`
              : `dependency failed to start: ${(error as Error).message}`,
          );
        });
  } finally {
    watch.close();
  }
}

interface OneOff {
  readonly service: string;
  readonly config: ServiceConfig;
  readonly name: string;
  readonly options: { build: boolean; pull: string; quietPull: boolean; quietBuild: boolean };
  readonly rm: boolean;
  readonly aliases: boolean;
}

async function makeOneOff(compose: Compose, project: Project, wish: OneOff): Promise<{ id: string; request: { name: string } }> {
  const { service, config, options } = wish;
  const client = await compose.client();
  await makeNetworksAndVolumes(compose, project, service);
  const present = await withImages(compose, client, {
    project,
    services: [service],
    options: { named: [], dependencies: false, ...options },
  });
  const slug = randomBytes(32).toString("hex");
  const name = wish.name || `${project.name}-${service}-run-${slug.slice(0, 12)}`;
  if (compose.dryRun) return { id: "", request: { name } };
  const maker = new ContainerMaker(client, { project, present, readFile: (path) => readFileSync(path, "utf8") });
  for (const other of creationNeeds(config))
    for (const container of replicasOf(present.containers, other)) maker.know(other, { id: container.Id, name: nameOf(container) });
  const labels = { [LABEL.oneOff]: "True", [LABEL.slug]: slug };
  const id = await maker.create(
    { service, number: 1, name, config, oneOff: { labels, aliases: wish.aliases, autoRemove: wish.rm } },
    compose.signal,
  );
  return { id, request: { name } };
}

/** The networks and volumes of the service; its containers stay as they are. */
async function makeNetworksAndVolumes(compose: Compose, project: Project, service: string): Promise<void> {
  const only = { ...project, services: { ...project.services, [service]: { ...project.services[service]!, scale: 0, depends_on: {} } } };
  const { planObjects } = await import("../../compose/plan-objects.ts");
  const { PlanBuilder } = await import("../../compose/plan.ts");
  const { observe } = await import("../../compose/observe.ts");
  const { execute } = await import("../../compose/execute.ts");
  const client = await compose.client();
  const present = await observe(client, only, { services: [], signal: compose.signal });
  const builder = new PlanBuilder();
  // What differs is the next up's business: a container beside the others must not take their network away.
  planObjects(builder, { project: only, present, services: [service], replaceVolume: () => false });
  const plan = builder.build(project.name);
  const steps = plan.steps.filter((step) => (step.kind === "network-create" || step.kind === "volume-create") && step.after.length === 0);
  if (steps.length === 0) return;
  await compose.progress("Creating", (progress) =>
    execute(client, { ...plan, steps }, { project, present, onProgress: progress.event, dryRun: compose.dryRun, signal: compose.signal }),
  );
}

function published(texts: readonly string[]): ServicePort[] {
  return Object.entries(readPublished(texts).bindings).flatMap(([port, bindings]) => {
    const [target = "", protocol = "tcp"] = port.split("/");
    return (bindings ?? []).map(({ HostIp, HostPort }) => ({
      target: Number(target),
      protocol,
      ...(HostIp ? { host_ip: HostIp } : {}),
      ...(HostPort ? { published: HostPort } : {}),
    }));
  });
}

function readVolume(written: string, cwd: string): ServiceVolume {
  const [first = "", target, mode = ""] = written.split(":");
  if (target === undefined) return { type: "volume", target: first };
  const read_only = mode.split(",").includes("ro");
  const local = /^[./~]/.test(first);
  return {
    type: local ? "bind" : "volume",
    source: local ? resolve(cwd, first.replace(/^~(?=\/|$)/, process.env["HOME"] ?? "~")) : first,
    target,
    ...(read_only ? { read_only } : {}),
  };
}
