import { test } from "node:test";
import assert from "node:assert/strict";
import { parseDockerfile } from "./parse.ts";
import { problemSentence } from "./problems.ts";
import type { Instruction } from "./tree.ts";

/** The last instruction of a Dockerfile that must be free of problems. */
function last(text: string): Instruction {
  const tree = parseDockerfile(text);
  assert.deepEqual(tree.problems, []);
  return tree.instructions.at(-1)!;
}

function pick(instruction: Instruction, keys: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(instruction).filter(([key]) => keys.includes(key)));
}

const good: [string, Record<string, unknown>][] = [
  ["FROM a:1 AS Build", { kind: "FROM", stage: "build", platform: undefined }],
  ["from --platform=linux/arm64 a@sha256:0", { kind: "FROM", stage: undefined, platform: "linux/arm64" }],
  ["FROM a\nRUN echo hi", { kind: "RUN", command: { shell: true, args: ["echo hi"] } }],
  ['FROM a\nRUN ["echo", "h i"]', { kind: "RUN", command: { shell: false, args: ["echo", "h i"] } }],
  ["FROM a\nRUN ['echo']", { kind: "RUN", command: { shell: true, args: ["['echo']"] } }],
  ["FROM a\nRUN a \\\n  b \\  \n# c\n\tc", { kind: "RUN", command: { shell: true, args: ["a   b \tc"] } }],
  ["# escape=`\nFROM a\nRUN dir c:\\`\n x", { kind: "RUN", command: { shell: true, args: ["dir c:\\ x"] } }],
  ["FROM a\nRUN --network=none --mount=type=tmpfs,target=/t x", { network: "none", command: { shell: true, args: ["x"] } }],
  ["FROM a\nRUN <<EOF\na\nb\nEOF", { kind: "RUN", command: { shell: true, args: ["<<EOF"] } }],
  ["FROM a\nRUN cat <<<x", { kind: "RUN", command: { shell: true, args: ["cat <<<x"] } }],
  ["FROM a\nRUN x=$((1 << 2))", { kind: "RUN", command: { shell: true, args: ["x=$((1 << 2))"] } }],
  ["FROM a\nCMD", { kind: "CMD", command: { shell: true, args: [] } }],
  ["FROM a\nCMD []", { kind: "CMD", command: { shell: false, args: [] } }],
  ["FROM a\nWORKDIR /a b", { kind: "WORKDIR", value: "/a b" }],
  ["FROM a\nEXPOSE 80 443/tcp", { kind: "EXPOSE" }],
  ['FROM a\nSHELL ["/bin/bash", "-c"]', { kind: "SHELL", args: ["/bin/bash", "-c"] }],
  ["FROM a\nHEALTHCHECK NONE", { kind: "HEALTHCHECK", test: ["NONE"] }],
  [
    "FROM a\nHEALTHCHECK --interval=1m30s --timeout=3s --retries=4 CMD curl -f x || exit 1",
    { test: ["CMD-SHELL", "curl -f x || exit 1"], interval: 90e9, timeout: 3e9, retries: 4 },
  ],
  ['FROM a\nHEALTHCHECK CMD ["true"]', { test: ["CMD", "true"], interval: 0 }],
  ["FROM a\nONBUILD COPY . /src", { kind: "ONBUILD", expression: "COPY . /src" }],
  ["FROM a\nONBUILD RUN <<E\nx\nE", { kind: "ONBUILD", expression: "RUN <<E\nx\nE" }],
  [
    "FROM a\nCOPY --from=b --chown=1:2 --chmod=755 --link --parents --exclude=*.md --exclude=x s d",
    { link: true, parents: true, exclude: ["*.md", "x"], chown: "1:2", chmod: "755" },
  ],
  ["FROM a\nCOPY --link=false s d", { link: false }],
  ["FROM a\nADD --checksum=sha256:0 --keep-git-dir --unpack=false u d", { checksum: "sha256:0", keepGitDir: true, unpack: false }],
];
for (const [text, want] of good) {
  test(`parseDockerfile() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(pick(last(text), Object.keys(want)), want);
  });
}

const pairs: [string, [string, string | undefined][]][] = [
  [
    "ENV A=1 B=2",
    [
      ["A", "1"],
      ["B", "2"],
    ],
  ],
  [
    'ENV A="x y" B=q\\ r C=',
    [
      ["A", '"x y"'],
      ["B", "q\\ r"],
      ["C", ""],
    ],
  ],
  ["ENV ONE TWO= THREE=world", [["ONE", "TWO= THREE=world"]]],
  [
    "LABEL a.b=c \\\n  d='e f'",
    [
      ["a.b", "c"],
      ["d", "'e f'"],
    ],
  ],
  [
    "ARG A B=1 C=",
    [
      ["A", undefined],
      ["B", "1"],
      ["C", ""],
    ],
  ],
];
for (const [text, want] of pairs) {
  test(`parseDockerfile() reads ${JSON.stringify(text)}`, () => {
    const instruction = last(`FROM a\n${text}`);
    assert.ok("pairs" in instruction);
    assert.deepEqual(
      instruction.pairs.map((pair) => [pair.key, pair.value]),
      want,
    );
  });
}

const bad: [string, string][] = [
  ["FROM busybox\nRUNN echo hi\n", "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)"],
  ["FORM busybox", "dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)"],
  ["FROM a\n\nzzz x", "dockerfile parse error on line 3: unknown instruction: zzz"],
  ["FROM a\nrnu x", "dockerfile parse error on line 2: unknown instruction: rnu (did you mean run?)"],
  ["", "dockerfile parse error on line 1: file with no instructions"],
  ["# only a comment", "dockerfile parse error on line 1: file with no instructions"],
  ["RUN x", "dockerfile parse error on line 1: no build stage in current context"],
  ["FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments"],
  ["FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments"],
  [
    "FROM a AS 1b",
    'dockerfile parse error on line 1: invalid name for build stage: "1b", name can\'t start with a number or contain symbols',
  ],
  ["FROM --platfrom=x a", "dockerfile parse error on line 1: unknown flag: --platfrom (did you mean platform?)"],
  [
    "FROM a\nCOPY x",
    "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
  ],
  ["FROM a\nCOPY --chown x y", "dockerfile parse error on line 2: missing a value on flag: --chown"],
  ["FROM a\nCOPY --link=maybe x y", "dockerfile parse error on line 2: expecting boolean value for flag --link, not: maybe"],
  ["FROM a\nCOPY --from=a --from=b x y", "dockerfile parse error on line 2: duplicate flag specified: --from"],
  ["FROM a\nRUN --mont=type=bind x", "dockerfile parse error on line 2: unknown flag: --mont (did you mean mount?)"],
  ["FROM a\nRUN", "dockerfile parse error on line 2: RUN requires at least one argument"],
  ["FROM a\nRUN --network=nat x", 'dockerfile parse error on line 2: unsupported network mode "nat"'],
  ["FROM a\nRUN <<EOF\nx", "dockerfile parse error on line 2: unterminated heredoc"],
  ["FROM a\nCOPY x <<EOF\nEOF", "dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination"],
  ["FROM a\nENV A", "dockerfile parse error on line 2: ENV must have two arguments"],
  ["FROM a\nENV", "dockerfile parse error on line 2: ENV requires at least one argument"],
  ["FROM a\nENV A=1 B", 'dockerfile parse error on line 2: Syntax error - can\'t find = in "B". Must be of the form: name=value'],
  ["FROM a\nENV =1", "dockerfile parse error on line 2: ENV names can not be blank"],
  ["FROM a\nARG =1", "dockerfile parse error on line 2: ARG names can not be blank"],
  ["FROM a\nCMD [1]", "dockerfile parse error on line 2: when using JSON array syntax, arrays must be comprised of strings only"],
  ["FROM a\nSHELL bash -c", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form"],
  ["FROM a\nWORKDIR", "dockerfile parse error on line 2: WORKDIR requires exactly one argument"],
  ["FROM a\nHEALTHCHECK", "dockerfile parse error on line 2: HEALTHCHECK requires at least one argument"],
  ["FROM a\nHEALTHCHECK NONE x", "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments"],
  ["FROM a\nHEALTHCHECK CMD", "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD"],
  ["FROM a\nHEALTHCHECK x", 'dockerfile parse error on line 2: Unknown type "X" in HEALTHCHECK (try CMD)'],
  ["FROM a\nHEALTHCHECK --interval=5 CMD x", 'dockerfile parse error on line 2: time: missing unit in duration "5"'],
  ["FROM a\nHEALTHCHECK --interval=1us CMD x", 'dockerfile parse error on line 2: Interval "interval" cannot be less than 1ms'],
  ["FROM a\nHEALTHCHECK --retries=-1 CMD x", "dockerfile parse error on line 2: --retries cannot be negative (-1)"],
  ["FROM a\nONBUILD", "dockerfile parse error on line 2: ONBUILD requires at least one argument"],
  ["FROM a\nONBUILD ONBUILD RUN x", "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["FROM a\nONBUILD FROM x", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"],
  ["# escape=x\nFROM a", "dockerfile parse error on line 1: invalid escape token 'x' does not match ` or \\"],
  ["# escape=\\\n# escape=`\nFROM a", "dockerfile parse error on line 2: only one escape parser directive can be used"],
  [
    "FROM a\nRUN \\\n  --mount=type=bind,from=$x y",
    "dockerfile parse error on line 2: 'from' doesn't support variable expansion, define alias stage instead",
  ],
];
for (const [text, want] of bad) {
  test(`parseDockerfile() reports ${JSON.stringify(text)}`, () => {
    assert.equal(problemSentence(parseDockerfile(text).problems.find((problem) => problem.severity === "error")!), want);
  });
}

test("parseDockerfile() keeps what follows an invalid instruction", () => {
  const tree = parseDockerfile("FROM a\nRUNN x\nRUN y\nFROM b");
  assert.deepEqual(
    tree.instructions.map((instruction) => instruction.kind),
    ["FROM", "INVALID", "RUN", "FROM"],
  );
  assert.equal(tree.stages.length, 2);
});

test("parseDockerfile() knows directives only at the top", () => {
  const names = (text: string): string[] => parseDockerfile(text).directives.map((directive) => `${directive.name}=${directive.value}`);
  assert.deepEqual(names("#syntax = docker/dockerfile:1\n# check=skip=all;error=true\nFROM a\n# escape=`"), [
    "syntax=docker/dockerfile:1",
    "check=skip=all;error=true",
  ]);
  assert.deepEqual(names("# hello\n# syntax=x\nFROM a"), []);
  assert.deepEqual(names("# unknown=1\n# syntax=x\nFROM a"), []);
  assert.deepEqual(names("\n# syntax=x\nFROM a"), []);
});

test("parseDockerfile() says where words stand, over continuation lines", () => {
  const tree = parseDockerfile("FROM a\n  COPY --from=b \\\n    one \\\n# c\n\n  two /dst/\n");
  const copy = tree.instructions[1]!;
  assert.ok(copy.kind === "COPY");
  assert.deepEqual(copy.nameRange, { start: { line: 1, character: 2 }, end: { line: 1, character: 6 } });
  assert.deepEqual(copy.from?.range, { start: { line: 1, character: 7 }, end: { line: 1, character: 15 } });
  assert.deepEqual(
    copy.sources.map((word) => word.range.start),
    [
      { line: 2, character: 4 },
      { line: 5, character: 2 },
    ],
  );
  assert.deepEqual(copy.destination.range, { start: { line: 5, character: 6 }, end: { line: 5, character: 11 } });
  assert.deepEqual(copy.range.end, { line: 5, character: 11 });
  assert.equal(tree.problems[0]?.message, "Empty continuation line");
});

test("parseDockerfile() reads several heredocs of one instruction", () => {
  const copy = last('FROM a\nCOPY <<-A <<"B" /d/\n\tone $x\n\tA\ntwo\nB\n');
  assert.ok(copy.kind === "COPY");
  assert.deepEqual(
    copy.inline.map(({ name, content, chomp, expand }) => ({ name, content, chomp, expand })),
    [
      { name: "A", content: "\tone $x\n", chomp: true, expand: true },
      { name: "B", content: "two\n", chomp: false, expand: false },
    ],
  );
  assert.deepEqual(copy.range.end, { line: 5, character: 1 });
});

test("parseDockerfile() never throws and always ends", () => {
  const pieces = [
    "FROM a",
    "RUN",
    "\\",
    "\n",
    " ",
    "<<E",
    "E",
    '["',
    "'",
    '"',
    "${",
    "--",
    "=",
    "#",
    "\t",
    "`",
    "COPY",
    "ONBUILD",
    "\r\n",
    "\u{1F600}",
  ];
  let seed = 7;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648);
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let count = random() % 12; count >= 0; count--) text += pieces[random() % pieces.length];
    const tree = parseDockerfile(text);
    for (const instruction of tree.instructions) assert.ok(instruction.range.start.line <= instruction.range.end.line);
  }
});
