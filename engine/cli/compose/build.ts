import { imageOf, selectServices } from "../../compose/order.ts";
import { ExitError } from "../cli.ts";
import { bool, bytes, list, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { buildServices } from "./image-steps.ts";
import { pushServices } from "./pull.ts";

export const build = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: `Build or rebuild services

Services are built once and then tagged, by default as \`project-service\`.`,
  arity: [0, Infinity],
  flags: {
    "build-arg": list("Set build-time variables for services", { type: "stringArray" }),
    builder: text("Set builder to use"),
    check: bool("Check build configuration"),
    memory: bytes("Set memory limit for the build container. Not supported by BuildKit.", { short: "m" }),
    "no-cache": bool("Do not use cache when building the image"),
    parallel: bool("Build images in parallel", { hidden: true, initial: true }),
    print: bool("Print equivalent bake file"),
    progress: text("Set type of ui output", { hidden: true }),
    provenance: text("Add a provenance attestation"),
    pull: bool("Always attempt to pull a newer version of the image"),
    push: bool("Push service images"),
    quiet: bool("Suppress the build output", { short: "q" }),
    sbom: text("Add a SBOM attestation"),
    ssh: text("Set SSH authentications used when building service images. (use 'default' for using your default SSH Agent)"),
    "with-dependencies": bool("Also build dependencies (transitively)"),
  },
  async run(compose, { args, flags }) {
    const project = await compose.project(args);
    for (const name of args) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
    const names = selectServices(project, args, { dependencies: flags["with-dependencies"] }).filter(
      (name) => project.services[name]?.build,
    );
    if (names.length === 0) return compose.warn("No services to build");
    if (flags.print) {
      const target = Object.fromEntries(
        names.map((name) => {
          const { context, dockerfile, args: values, target: stage } = project.services[name]!.build!;
          return [
            name,
            {
              context,
              dockerfile: dockerfile ?? "Dockerfile",
              ...(values ? { args: values } : {}),
              ...(stage ? { target: stage } : {}),
              tags: [imageOf(project, name)],
              output: ["type=docker"],
            },
          ];
        }),
      );
      return compose.cli.print(JSON.stringify({ group: { default: { targets: names } }, target }, undefined, 2));
    }
    await buildServices(compose, project, names, {
      noCache: flags["no-cache"],
      pull: flags.pull,
      quiet: flags.quiet,
      buildArgs: flags["build-arg"],
      allPlatforms: true,
    });
    if (flags.push)
      await pushServices(
        compose,
        project,
        names.filter((name) => project.services[name]?.image),
        { quiet: flags.quiet, ignoreFailures: false },
      );
  },
});
