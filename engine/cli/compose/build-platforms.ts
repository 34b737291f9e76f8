/** Which platforms a service is built for. */
import type { Project } from "../../compose/project.ts";

/**
 * All of them for `compose build`; for what is run afterwards, the one it runs on, or none, which leaves it to the builder.
 * @throws {Error} with docker compose's sentences, when the service's or the user's platform is not among those it is built for
 */
export function platformsOf(project: Project, name: string, { all }: { all: boolean }): string[] {
  const service = project.services[name];
  const platforms = (service?.build?.platforms ?? []).filter((each) => each !== "");
  const byDefault = project.environment["DOCKER_DEFAULT_PLATFORM"];
  const runsOn = service?.platform || byDefault;
  if (runsOn && platforms.length > 0 && !platforms.includes(runsOn)) {
    throw new Error(
      service?.platform
        ? `service ${JSON.stringify(name)} build configuration does not support platform: ${runsOn}`
        : `service ${JSON.stringify(name)} build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: ${runsOn}`,
    );
  }
  if (runsOn && (!all || platforms.length === 0)) return [runsOn];
  return all || platforms.length < 2 ? platforms : [];
}
