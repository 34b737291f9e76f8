import { withinLimit } from "../../compose/dag.ts";
import { observe } from "../../compose/observe.ts";
import { imageOf, selectServices } from "../../compose/order.ts";
import type { Project } from "../../compose/project.ts";
import { parseReference, repositoryName, withDefaultTag } from "../../syntax/reference.ts";
import { ExitError } from "../cli.ts";
import { credentialsFor } from "../credentials.ts";
import { bool, text } from "../flags.ts";
import { throwFailure } from "../progress.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";
import { pullService } from "./image-steps.ts";

export const pull = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    "ignore-buildable": bool("Ignore images that can be built"),
    "ignore-pull-failures": bool("Pull what it can and ignores images with pull failures"),
    "include-deps": bool("Also pull services declared as dependencies"),
    parallel: bool("Pull multiple images in parallel", { hidden: true, initial: true }),
    policy: text('Apply pull policy ("missing"|"always")'),
    quiet: bool("Pull without printing progress information", { short: "q" }),
  },
  async run(compose, { args, flags }) {
    if (!["", "missing", "always"].includes(flags.policy))
      throw new ExitError(1, `invalid --policy option ${JSON.stringify(flags.policy)}`);
    const project = await compose.project(args);
    const names = chosen(project, args, flags["include-deps"]);
    const present = await observe(await compose.client(), project, { services: names, signal: compose.signal });
    await compose.progress(
      "Pulling",
      async ({ event }) => {
        const images = new Map<string, string>();
        for (const name of names) {
          const image = imageOf(project, name);
          const { build, pull_policy: own, image: written } = project.services[name]!;
          const skip = (why: string): void => event({ id: name, text: "Skipped", status: why, state: "done" });
          if (build && (flags["ignore-buildable"] || !written)) skip(written ? "Image can be built" : "No image to be pulled");
          else if (own === "never" || own === "build") skip(`Image has pull policy ${own}`);
          else if ((flags.policy || own) === "missing" && present.images.has(image)) skip("Image is already present locally");
          else if (own === "if_not_present" && present.images.has(image)) skip("Image is already present locally");
          else if ([...images.values()].includes(image))
            skip("Image is already being pulled by " + [...images].find(([, other]) => other === image)![0]);
          else images.set(name, image);
        }
        const mayFail = (name: string): boolean => flags["ignore-pull-failures"] || project.services[name]?.build !== undefined;
        await withinLimit([...images], compose.parallel || 8, async ([service, image]) => {
          try {
            await pullService(compose, project, { service, image, onProgress: event, quiet: flags.quiet });
          } catch (error) {
            if (compose.signal.aborted || !mayFail(service)) throw error;
          }
        });
      },
      { quiet: flags.quiet },
    );
  },
});

function chosen(project: Project, names: readonly string[], dependencies: boolean): string[] {
  for (const name of names) if (!Object.hasOwn(project.services, name)) throw new ExitError(1, `no such service: ${name}`);
  return selectServices(project, names, { dependencies }).filter((name) => !project.services[name]?.provider);
}

export const push = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    "ignore-push-failures": bool("Push what it can and ignores images with push failures"),
    "include-deps": bool("Also push images of services declared as dependencies"),
    quiet: bool("Push without printing progress information", { short: "q" }),
  },
  async run(compose, { args, flags }) {
    const project = await compose.project(args);
    const names = chosen(project, args, flags["include-deps"]);
    await pushServices(compose, project, names, { quiet: flags.quiet, ignoreFailures: flags["ignore-push-failures"] });
  },
});

/** Pushes services' images and their other tags. */
export async function pushServices(
  compose: Compose,
  project: Project,
  names: readonly string[],
  options: { quiet: boolean; ignoreFailures: boolean },
): Promise<void> {
  await compose.progress(
    "Pushing",
    async ({ event }) => {
      for (const name of names) {
        const service = project.services[name]!;
        // What was not built here is somebody else's.
        if (!service.image || !service.build) {
          event({ id: name, text: "Skipped", status: "", state: "done" });
          continue;
        }
        for (const image of [service.image, ...(service.build?.tags ?? [])]) {
          event({ id: image, text: "Pushing", status: "", state: "working" });
          try {
            if (!compose.dryRun) await pushImage(compose, image);
            event({ id: image, text: "Pushed", status: "", state: "done" });
          } catch (error) {
            event({ id: image, text: "Error", status: error instanceof Error ? error.message : String(error), state: "error" });
            if (!options.ignoreFailures || compose.signal.aborted) throw error;
          }
        }
      }
    },
    { quiet: options.quiet },
  );
}

async function pushImage(compose: Compose, image: string): Promise<void> {
  const parsed = parseReference(image);
  if (!("reference" in parsed)) throw new Error(`invalid reference format: ${image}`);
  const { tag } = withDefaultTag(parsed.reference);
  const auth = await credentialsFor(compose.cli, parsed.reference.domain);
  const client = await compose.client();
  for await (const message of client.images.push(repositoryName(parsed.reference), { tag, auth, signal: compose.signal }))
    throwFailure(message);
}
