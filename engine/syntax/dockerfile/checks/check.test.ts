import { test } from "node:test";
import assert from "node:assert/strict";
import { IgnoreMatcher, parseDockerignore } from "../../dockerignore.ts";
import { parseDockerfile } from "../parse.ts";
import { checkDockerfile, readChoice } from "./check.ts";
import { rules, ruleUrl } from "./rules.ts";

const variables: Record<string, string[]> = { alpine: [], python: ["PYTHON_VERSION"] };

/** `rule line: message` of what is found. */
function found(text: string, ignore = ""): string[] {
  const ignored = new IgnoreMatcher(parseDockerignore(ignore).patterns);
  const { findings } = checkDockerfile(parseDockerfile(text), { ignored, baseVariables: (image) => variables[image] });
  return findings.map(({ rule, range, message }) => `${rule} ${range.start.line + 1}: ${message}`);
}

const bad: [string, string[], string?][] = [
  ["FROM alpine AS BuilderBase", ["StageNameCasing 1: Stage name 'BuilderBase' should be lowercase"]],
  ["FROM alpine as b", ["FromAsCasing 1: 'as' and 'FROM' keywords' casing do not match"]],
  ["from alpine AS b", ["FromAsCasing 1: 'AS' and 'from' keywords' casing do not match"]],
  ["FROM alpine\nRUN echo \\\n\n  hi", ["NoEmptyContinuation 2: Empty continuation line"]],
  [
    "From alpine\nRun echo\nEXPOSE 1",
    [
      "ConsistentInstructionCasing 1: Command 'From' should match the case of the command majority (uppercase)",
      "ConsistentInstructionCasing 2: Command 'Run' should match the case of the command majority (uppercase)",
    ],
  ],
  [
    "from alpine\nrun echo\nEXPOSE 1",
    ["ConsistentInstructionCasing 3: Command 'EXPOSE' should match the case of the command majority (lowercase)"],
  ],
  ["FROM alpine AS b\nFROM alpine AS b", ['DuplicateStageName 2: Duplicate stage name "b", stage names should be unique']],
  ["FROM alpine AS context", ['ReservedStageName 1: Stage name should not use the same name as reserved stage "context"']],
  [
    "FROM alpine\nENTRYPOINT my-program start",
    ["JSONArgsRecommended 2: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals"],
  ],
  ["FROM alpine\nMAINTAINER x", ["MaintainerDeprecated 2: Maintainer instruction is deprecated in favor of using label"]],
  ["FROM node:22${VARIANT} AS js", ["UndefinedArgInFrom 1: FROM argument 'VARIANT' is not declared"]],
  [
    "FROM --platform=$BULIDPLATFORM alpine",
    ["UndefinedArgInFrom 1: FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"],
  ],
  [
    "FROM alpine\nWORKDIR usr/src",
    ['WorkdirRelativePath 2: Relative workdir "usr/src" can have unexpected results if the base image changes'],
  ],
  ["FROM alpine\nCOPY $foo .", ["UndefinedVar 2: Usage of undefined variable '$foo'"]],
  ["FROM alpine\nENV PATH=$PAHT:/app/bin", ["UndefinedVar 2: Usage of undefined variable '$PAHT' (did you mean $PATH?)"]],
  ["FROM alpine\nARG VERSION=$foo", ["UndefinedVar 2: Usage of undefined variable '$foo'"]],
  ["FROM alpine\nCOPY <<EOF /x\n$foo\nEOF", ["UndefinedVar 3: Usage of undefined variable '$foo'"]],
  [
    'FROM alpine\nCMD ["a"]\nCMD ["b"]',
    [
      "MultipleInstructionsDisallowed 2: Multiple CMD instructions should not be used in the same stage because only the last one will be used",
    ],
  ],
  ["FROM alpine\nENV DIR /opt", ['LegacyKeyValueFormat 2: "ENV key=value" should be used instead of legacy "ENV key value" format']],
  [
    "FROM --platform=$TARGETPLATFORM alpine",
    ["RedundantTargetPlatform 1: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"],
  ],
  [
    "FROM scratch\nARG AWS_SECRET_ACCESS_KEY",
    ['SecretsUsedInArgOrEnv 2: Do not use ARG or ENV instructions for sensitive data (ARG "AWS_SECRET_ACCESS_KEY")'],
  ],
  [
    "ARG TAG\nFROM busybox:${TAG}",
    ["InvalidDefaultArgInFrom 2: Default value for ARG busybox:${TAG} results in empty or invalid base image name"],
  ],
  [
    "FROM --platform=linux/amd64 alpine AS base",
    ['FromPlatformFlagConstDisallowed 1: FROM --platform flag should not use constant value "linux/amd64"'],
  ],
  [
    "FROM scratch\nCOPY ./a/tmp/hello /hello",
    ['CopyIgnoredFile 2: Attempting to Copy file "a/tmp/hello" that is excluded by .dockerignore'],
    "*/tmp/*",
  ],
  ["FROM alpine\nEXPOSE 80/TcP", ["ExposeProtoCasing 2: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase"]],
  [
    "FROM alpine\nEXPOSE 127.0.0.1:80:80",
    ["ExposeInvalidFormat 2: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'"],
  ],
  [
    "# check=experimental=InvalidDefinitionDescription\n\n# a comment\nFROM scratch AS base",
    ["InvalidDefinitionDescription 4: Comment for build stage should follow the format: `# base <description>`"],
  ],
];
for (const [text, want, ignore] of bad) {
  test(`checkDockerfile() finds ${want[0]!.split(" ")[0]} in ${JSON.stringify(text)}`, () => assert.deepEqual(found(text, ignore), want));
}

const good: [string, string?][] = [
  ["FROM alpine AS builder\nRUN x"],
  ["from alpine as builder\nrun x"],
  ["FROM alpine AS base\nARG foo\nCOPY $foo ."],
  ["FROM python AS base\nARG VERSION=$PYTHON_VERSION"],
  ["FROM unknown\nCOPY $anything ."],
  ["FROM alpine\nCOPY ${foo:-x} ."],
  ['FROM alpine\nRUN echo $foo\nCMD ["echo", "$foo"]'],
  ["FROM alpine AS a\nARG foo\nFROM a\nCOPY $foo ."],
  ["ARG TAG=latest\nFROM busybox:${TAG}"],
  ["ARG VARIANT\nFROM busybox:stable${VARIANT}"],
  ["ARG TAG\nFROM alpine:${TAG:-3.14}"],
  ["FROM --platform=${BUILDPLATFORM} alpine"],
  ["FROM --platform=linux/amd64 alpine AS build_amd64"],
  ["FROM alpine\nWORKDIR /usr\nWORKDIR src"],
  ["FROM alpine AS a\nWORKDIR /usr\nFROM a\nWORKDIR src"],
  ['FROM alpine\nSHELL ["bash", "-c"]\nCMD echo'],
  ["FROM alpine\nENV PUBLIC_KEY=x KEY_FILE=y TOKENIZER=z"],
  ["FROM scratch\nCOPY ./forever/hello /hello", "*/tmp/*"],
  ["FROM scratch\nCOPY tmp/keep /x", "tmp\n!tmp/keep"],
  ["FROM scratch\nCOPY --from=x a/tmp/y /x", "*/tmp/*"],
  ["FROM alpine\nEXPOSE 80 443/tcp $PORT"].map((text) => text.replace(" $PORT", "")) as [string],
  ["# a comment that describes nothing\nFROM scratch AS base"],
];
for (const [text, ignore] of good) {
  test(`checkDockerfile() accepts ${JSON.stringify(text)}`, () => assert.deepEqual(found(text, ignore), []));
}

test("checkDockerfile() skips what the Dockerfile says", () => {
  const text = "FROM alpine as B\nCMD echo";
  assert.equal(found(text).length, 3);
  assert.deepEqual(found(`# check=skip=JSONArgsRecommended,StageNameCasing\n${text}`), [
    "FromAsCasing 2: 'as' and 'FROM' keywords' casing do not match",
  ]);
  assert.deepEqual(found(`# check=skip=all\n${text}`), []);
  assert.equal(checkDockerfile(parseDockerfile(`# check=error=true\n${text}`)).asError, true);
});

test("readChoice() says what it does not understand", () => {
  assert.deepEqual(readChoice("skip"), { message: 'invalid check option "skip"' });
  assert.deepEqual(readChoice("error=perhaps"), { message: 'failed to parse check option "error=perhaps"' });
});

test("there are 21 rules, each with a page", () => {
  assert.equal(Object.keys(rules).length, 21);
  assert.equal(ruleUrl("UndefinedVar"), "https://docs.docker.com/go/dockerfile/rule/undefined-var/");
});
