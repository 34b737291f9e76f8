/**
 * Labels by which docker compose knows what belongs to a project. They are the only memory of an application, so they are
 * the same to the letter: either tool sees, keeps and removes what the other one made.
 * @see https://github.com/docker/compose/blob/v2.40.3/pkg/api/labels.go
 */

/** What the labels of new objects say of their maker: containers are judged by their configuration's hash, not by this. */
export const COMPOSE_VERSION = "2.40.3";

export const LABEL = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  configHash: "com.docker.compose.config-hash",
  number: "com.docker.compose.container-number",
  oneOff: "com.docker.compose.oneoff",
  image: "com.docker.compose.image",
  dependsOn: "com.docker.compose.depends_on",
  workingDirectory: "com.docker.compose.project.working_dir",
  configFiles: "com.docker.compose.project.config_files",
  environmentFile: "com.docker.compose.project.environment_file",
  version: "com.docker.compose.version",
  replace: "com.docker.compose.replace",
  slug: "com.docker.compose.slug",
  network: "com.docker.compose.network",
  volume: "com.docker.compose.volume",
} as const;

/** The condition of a label filter. */
export function labelFilter(label: string, value: string): string {
  return `${label}=${value}`;
}
