/**
 * What runs again, and why, as one table that goes through every way in: the classic `/build` with a tar, `berth build` with a
 * directory, and BuildKit's protocol with the real buildx.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "../../engine/client/client.ts";
import { berth, berthSays, importBusybox } from "../support/berth.ts";
import { cannotHave, DOCKER_CONFIG } from "../support/cli-plugins.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const DOCKERFILE = `FROM cases-base
COPY one /one
ARG WHO=nobody
COPY dir /dir
RUN --mount=type=secret,id=token test -d /dir
FROM cases-base
RUN echo beside
COPY --from=0 /dir /dir
`;

const FILES = { Dockerfile: DOCKERFILE, one: "1", "dir/a": "a", "dir/b": "b", "dir/c.log": "c", apart: "x" };

const ONE = "COPY one /one";
const DIR = "COPY dir /dir";
const RUN = "RUN --mount=type=secret,id=token test -d /dir";
const BESIDE = "RUN echo beside";
const FROM_FIRST = "COPY --from=0 /dir /dir";
const BASE = 'the base image "cases-base" changed';
/** Because of it. */
const changed = (step: string): string => `the step before it changed: ${step}`;

/** What a person changes between two builds. */
class Sources {
  readonly folder: string;
  readonly args = new Set<string>();
  /** Makes the base image another one. */
  readonly rebase: () => Promise<unknown>;

  constructor(folder: string, rebase: () => Promise<unknown>) {
    this.folder = folder;
    this.rebase = rebase;
    for (const [name, text] of Object.entries(FILES)) this.write(name, text);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true });
    writeFileSync(join(this.folder, name), text);
  }

  edit(from: string, to: string): void {
    this.write("Dockerfile", readFileSync(join(this.folder, "Dockerfile"), "utf8").replaceAll(from, to));
  }
}

interface Change {
  readonly what: string;
  readonly make: (sources: Sources) => unknown;
  /** Steps that run, in the order of the Dockerfile, and why. */
  readonly runs: readonly (readonly [step: string, reason: string])[];
  /** The classic interface has no secrets. */
  readonly hasSecret?: true;
}

/** One after the other, each on what the one before left. */
const CHANGES: readonly Change[] = [
  { what: "nothing", make: () => undefined, runs: [] },
  {
    what: "times alone",
    make: ({ folder }) => Object.keys(FILES).forEach((name) => utimesSync(join(folder, name), 1, 1)),
    runs: [],
  },
  { what: "a file that no step reads", make: (sources) => sources.write("apart", "y"), runs: [] },
  {
    what: "a file",
    make: (sources) => sources.write("dir/b", "changed"),
    runs: [[DIR, 'file "dir/b" changed'], [RUN, changed(DIR)], [FROM_FIRST, 'file "dir/b" changed']], // oxfmt-ignore
  },
  {
    what: "a file back again",
    make: (sources) => sources.write("dir/b", "b"),
    runs: [],
  },
  {
    what: "a mode",
    make: ({ folder }) => chmodSync(join(folder, "one"), 0o755),
    runs: [[ONE, 'the mode of "one" changed'], [DIR, changed(ONE)], [RUN, changed(DIR)]], // oxfmt-ignore
  },
  { what: "an argument", make: ({ args }) => args.add("--build-arg=WHO=you"), runs: [[RUN, 'argument "WHO" changed']] },
  { what: "an argument that nothing declares", make: ({ args }) => args.add("--build-arg=OTHER=1"), runs: [] },
  { what: "a secret's value", make: ({ args, folder }) => args.add(`--secret=id=token,src=${folder}/apart`), runs: [], hasSecret: true },
  {
    what: "a secret's id",
    make: (sources) => sources.edit("id=token", "id=other"),
    runs: [[RUN.replace("token", "other"), 'secret "token" is gone, secret "other" is new']],
  },
  {
    what: ".dockerignore",
    make: (sources) => sources.write(".dockerignore", "dir/*.log\n"),
    runs: [[DIR, 'file ".dockerignore" changed, file "dir/c.log" is gone'], [RUN.replace("token", "other"), changed(DIR)], [FROM_FIRST, 'file "dir/c.log" is gone']], // oxfmt-ignore
  },
  { what: "a rule of .dockerignore that meets nothing", make: (sources) => sources.write(".dockerignore", "dir/*.log\n*.md\n"), runs: [] },
  {
    what: "the base image",
    make: (sources) => sources.rebase(),
    runs: [[ONE, BASE], [DIR, changed(ONE)], [RUN.replace("token", "other"), changed(DIR)], [BESIDE, BASE], [FROM_FIRST, changed(BESIDE)]], // oxfmt-ignore
  },
];

type Ways = Readonly<
  Record<string, { readonly skip: string | false; build(engine: TestEngine, args: readonly string[]): Promise<Result> }>
>;

const WAYS: Ways = {
  "docker's classic builder": {
    skip: false,
    build: (engine, args) => engine.docker(["build", ...args], { env: { DOCKER_BUILDKIT: "0" } }),
  },
  "berth build": { skip: false, build: (engine, args) => berth(engine, ["build", ...args]) },
  buildx: {
    skip: cannotHave("buildx"),
    build: (engine, args) => engine.docker(["build", ...args], { env: { DOCKER_BUILDKIT: "1", DOCKER_CONFIG } }),
  },
};

for (const as of USERS)
  describe(`what runs again and why, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
    });
    after(() => engine.remove());

    function rebase(text: string): Promise<string> {
      return berthSays(engine, ["build", "-qt", "cases-base", "-"], { input: `FROM busybox\nRUN echo "${text}" > /base\n` });
    }

    /** The steps that ran, and why, as the build's record has them. */
    async function ran(): Promise<string[]> {
      const client = connect(engine.socket);
      try {
        const { status, steps } = await client.buildRecords.get("latest");
        assert.equal(status, "succeeded");
        return steps.filter(({ cached, reason }) => !cached && reason !== undefined).map((step) => `${step.instruction}: ${step.reason}`);
      } finally {
        await client.close();
      }
    }

    for (const [way, { skip, build }] of Object.entries(WAYS))
      test(`by ${way}`, { skip: as === "user" && way === "buildx" ? "as root: buildx takes longer than its builds" : skip }, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), "berth-cases-"));
        t.after(() => rmSync(folder, { recursive: true }));
        chmodSync(folder, 0o755);
        await rebase(way);
        const sources = new Sources(folder, () => rebase(`${way} again`));
        const again = async (): Promise<string[]> => {
          const { exitCode, stderr } = await build(engine, [...sources.args, folder]);
          assert.equal(exitCode, 0, stderr);
          return ran();
        };
        assert.equal((await again()).length, 5);
        for (const { what, make, runs, hasSecret } of CHANGES) {
          if (hasSecret && way.includes("classic")) continue;
          await make(sources);
          assert.deepEqual(await again(), runs.map((each) => each.join(": ")), what); // oxfmt-ignore
        }
      });
  });
