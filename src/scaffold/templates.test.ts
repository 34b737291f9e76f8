import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { parseDockerfile } from "../../engine/syntax/dockerfile/parse.ts";
import { filesOf, templates } from "./templates.ts";

const signs: Record<string, string[]> = {
  node: ["package.json", "package-lock.json"],
  python: ["requirements.txt", "app.py"],
  go: ["go.mod"],
  java: ["pom.xml"],
  rust: ["Cargo.toml"],
  dotnet: ["Web.csproj"],
  ruby: ["Gemfile", "config.ru"],
  cpp: ["CMakeLists.txt"],
  static: ["index.html"],
  other: [],
};

for (const [key, template] of Object.entries(templates))
  for (const files of [signs[key]!, []])
    test(`filesOf() makes files for ${template.label} ${files.length > 0 ? "as its folder says" : "without knowing more"} that can be read`, () => {
      const made = filesOf(template, { name: "web", port: template.port, files }, true);
      assert.deepEqual(parseDockerfile(made["Dockerfile"]!).problems, []);
      const { services } = parse(made["compose.yaml"]!) as { services: Record<string, { build: string }> };
      assert.equal(services["web"]?.build, ".");
      assert.match(made[".dockerignore"]!, /^\.git$/m);
      assert.equal(made["Dockerfile"]!.includes("EXPOSE"), template.port !== "");
    });

test("each kind of folder is known by its files", () => {
  for (const [key, files] of Object.entries(signs))
    assert.ok(key === "other" || templates[key]!.signs.some((sign) => files.some((file) => sign.test(file))), key);
});

test("a folder's lock file decides how packages come", () => {
  const from = (files: string[]): string => filesOf(templates["node"]!, { name: "web", port: "", files }, false)["Dockerfile"]!;
  assert.match(from(["package-lock.json"]), /npm ci/);
  assert.match(from(["yarn.lock"]), /COPY package\.json yarn\.lock \.\/\nRUN .*yarn install/);
  assert.match(from([]), /npm install/);
});
