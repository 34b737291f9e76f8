import assert from "node:assert/strict";
import { test } from "node:test";
import { neighbors, stepBack } from "./neighbors.ts";

const { containerTools, dockerDx, yaml } = neighbors;

/** Features that are left to others. */
function left(ids: readonly string[], off: readonly string[] = []): { dockerfile: readonly string[]; dockercompose: readonly string[] } {
  const { dockerfile = [], dockercompose = [] } = stepBack({
    installed: (id) => ids.includes(id),
    enabled: (setting) => !off.includes(setting),
  });
  return { dockerfile, dockercompose };
}

const has: [string, readonly string[], readonly string[], "dockerfile" | "dockercompose", string, boolean][] = [
  ["alone everything is Berth's", [], [], "dockerfile", "completion", false],
  ["Container Tools completes Dockerfiles", [containerTools], [], "dockerfile", "completion", true],
  ["Container Tools has no build checks", [containerTools], [], "dockerfile", "diagnostics", false],
  ["Container Tools says what the syntax is", [containerTools], [], "dockerfile", "syntax", true],
  ["nobody else shows build results", [containerTools, dockerDx, yaml], [], "dockerfile", "inlays", false],
  ["nobody else has lenses on steps", [containerTools, dockerDx, yaml], [], "dockerfile", "lenses", false],
  ["nobody else finds references", [containerTools, dockerDx], [], "dockerfile", "references", false],
  ["Docker DX checks Dockerfiles", [dockerDx], [], "dockerfile", "diagnostics", true],
  ["Docker DX draws dividers", [dockerDx], [], "dockerfile", "dividers", true],
  [
    "Docker DX's dividers may be off",
    [dockerDx],
    ["docker.extension.editor.dockerfileBuildStageDecorationLines"],
    "dockerfile",
    "dividers",
    false,
  ],
  ["Docker DX answers for compose", [dockerDx], [], "dockercompose", "definition", true],
  [
    "Docker DX's compose server may be off",
    [dockerDx],
    ["docker.extension.enableComposeLanguageServer"],
    "dockercompose",
    "definition",
    false,
  ],
  [
    "Container Tools' compose service may be off",
    [containerTools],
    ["containers.enableComposeLanguageService"],
    "dockercompose",
    "completion",
    false,
  ],
  ["the YAML extension knows nothing of Dockerfiles", [yaml], [], "dockerfile", "completion", false],
  ["the YAML extension validates compose files", [yaml], [], "dockercompose", "diagnostics", true],
  ["the YAML extension's validation may be off", [yaml], ["yaml.validate"], "dockercompose", "diagnostics", false],
  ["the YAML extension does not follow services", [yaml], [], "dockercompose", "definition", false],
];
for (const [name, ids, off, language, feature, want] of has) {
  test(`stepBack(): ${name}`, () => assert.equal(left(ids, off)[language].includes(feature), want));
}
