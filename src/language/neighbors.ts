/**
 * Other extensions that answer for the same files. Where one does, Berth steps back: two answers to one question are worse
 * than either. What none of them has (build results, live state, step lenses, references) stays.
 */

/** Settings and extensions as they are, so that the choice itself is a pure function. */
export interface Neighborhood {
  readonly installed: (id: string) => boolean;
  /** The value of a setting, `true` when it is not set. */
  readonly enabled: (setting: string) => boolean;
}

/** Features by language id, under the names that the server knows. */
export type StepBack = Readonly<Record<string, readonly string[]>>;

export const neighbors = {
  containerTools: "ms-azuretools.vscode-containers",
  dockerDx: "docker.docker",
  yaml: "redhat.vscode-yaml",
} as const;

/** The Dockerfile server that Container Tools and Docker DX both carry. */
const dockerfileServer = [
  "completion",
  "hover",
  "signature",
  "definition",
  "highlights",
  "prepareRename",
  "rename",
  "symbols",
  "folding",
  "links",
  "tokens",
  "format",
  "syntax",
];

/** What to leave to others, feature by feature. */
export function stepBack({ installed, enabled }: Neighborhood): StepBack {
  const dockerfile = new Set<string>();
  const compose = new Set<string>();
  const leave = (to: Set<string>, features: readonly string[]): void => features.forEach((feature) => to.add(feature));
  if (installed(neighbors.containerTools)) leave(dockerfile, dockerfileServer);
  if (installed(neighbors.containerTools) && enabled("containers.enableComposeLanguageService"))
    leave(compose, ["completion", "hover", "links", "format", "syntax"]);
  if (installed(neighbors.dockerDx)) leave(dockerfile, [...dockerfileServer, "diagnostics", "actions"]);
  if (installed(neighbors.dockerDx) && enabled("docker.extension.editor.dockerfileBuildStageDecorationLines"))
    leave(dockerfile, ["dividers"]);
  if (installed(neighbors.dockerDx) && enabled("docker.extension.enableComposeLanguageServer")) {
    leave(compose, [
      "completion",
      "hover",
      "definition",
      "highlights",
      "prepareRename",
      "rename",
      "symbols",
      "links",
      "format",
      "diagnostics",
      "overrides",
    ]);
  }
  if (installed(neighbors.yaml)) {
    leave(compose, ["symbols", "folding", "links"]);
    if (enabled("yaml.completion")) leave(compose, ["completion"]);
    if (enabled("yaml.hover")) leave(compose, ["hover"]);
    if (enabled("yaml.validate")) leave(compose, ["diagnostics", "actions"]);
    if (enabled("yaml.format.enable")) leave(compose, ["format"]);
  }
  return { dockerfile: [...dockerfile], dockercompose: [...compose] };
}
