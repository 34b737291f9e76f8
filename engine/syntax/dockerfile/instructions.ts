/** One logical line → one instruction with its meaning, or a problem. */
import { flagProblem, FlagValues } from "./flags.ts";
import { heredocOf, heredocStarts } from "./heredoc.ts";
import type { LogicalLine } from "./lines.ts";
import { readDuration } from "../duration.ts";
import * as say from "./problems.ts";
import type { Keyword } from "./problems.ts";
import type { Command, Flag, Heredoc, Instruction, InstructionBase, Pair, Range, Transfer, Word } from "./tree.ts";
import { jsonArray, splitBlank, splitQuoted, takeFlags } from "./words.ts";
import type { Span } from "./words.ts";

/** What is wrong with an instruction; the range is the whole instruction when none is given. */
export interface InstructionProblem {
  readonly message: string;
  readonly range?: Range;
}

interface Context {
  readonly base: InstructionBase;
  readonly flags: FlagValues;
  readonly escape: "\\" | "`";
  readonly line: LogicalLine;
  /** Offset where the arguments begin. */
  readonly rest: number;
}

type Read = (context: Context) => Instruction | InstructionProblem;

/** Cuts the line into name, flags and rest; heredocs are not known yet. */
export function readBase(line: LogicalLine, from: number, comments: readonly string[]): { base: InstructionBase; rest: number } {
  const name = /\S+/.exec(line.text.slice(from))!;
  const start = from + name.index;
  const { flags, rest } = takeFlags(line.text, start + name[0].length);
  const end = line.text.trimEnd().length;
  return {
    rest,
    base: {
      name: name[0],
      nameRange: line.range(start, start + name[0].length),
      range: line.range(start, end),
      original: line.text.slice(from),
      rest: line.text.slice(rest).trimEnd(),
      flags: flags.map((flag) => ({ name: flag.name, value: flag.value, range: line.range(flag.start, flag.end) })),
      words: [],
      json: false,
      heredocs: [],
      comments,
    },
  };
}

/** The heredocs that this instruction opens; only RUN, COPY, ADD (and those behind ONBUILD) have them. */
export function opensHeredocs(
  line: LogicalLine,
  base: InstructionBase,
  context: { rest: number; escape: "\\" | "`" },
): ReturnType<typeof heredocStarts> {
  const keyword = say.keywordOf(base.name);
  if (keyword === "ONBUILD" && base.rest !== "") {
    const inner = readBase(line, context.rest, []);
    return opensHeredocs(line, inner.base, { ...context, rest: inner.rest });
  }
  if (keyword !== "RUN" && keyword !== "COPY" && keyword !== "ADD") return [];
  if (Array.isArray(jsonArray(line.text.trimEnd(), context.rest))) return [];
  return heredocStarts(line.text, context.rest, context.escape);
}

/** Gives the instruction its meaning. */
export function readInstruction(
  line: LogicalLine,
  parts: { base: InstructionBase; rest: number },
  options: { escape: "\\" | "`"; heredocs: readonly Heredoc[] },
): Instruction | InstructionProblem {
  const keyword = say.keywordOf(parts.base.name);
  if (!keyword) return { message: say.unknownInstruction(parts.base.name), range: parts.base.nameRange };
  const spans = argumentSpans(keyword, line, { rest: parts.rest, escape: options.escape });
  if (spans === "other") return { message: say.notStrings };
  const words = spans.spans.map((span) => ({ text: span.text, range: line.range(span.start, span.end) }));
  const base = { ...parts.base, words, json: spans.json, heredocs: options.heredocs };
  const wrong = flagProblem(keyword, base.flags);
  if (wrong) return { message: wrong.message, range: wrong.flag.range };
  return readers[keyword]({ base, flags: new FlagValues(base.flags), escape: options.escape, line, rest: parts.rest });
}

function argumentSpans(
  keyword: Keyword,
  line: LogicalLine,
  { rest, escape }: { rest: number; escape: "\\" | "`" },
): { spans: Span[]; json: boolean } | "other" {
  const text = line.text.trimEnd();
  const from = keyword === "HEALTHCHECK" ? afterFirstWord(text, rest) : rest;
  if (!["ENV", "LABEL", "ARG", "FROM", "EXPOSE"].includes(keyword)) {
    const json = jsonArray(text, from);
    if (json === "other") return json;
    if (json) return { spans: [...splitBlank(text.slice(0, from), rest), ...json], json: true };
  }
  if (keyword === "ENV" || keyword === "LABEL" || keyword === "ARG") return { spans: splitQuoted(text, rest, escape), json: false };
  return { spans: splitBlank(text, rest), json: false };
}

function afterFirstWord(text: string, from: number): number {
  const match = /^\S+\s*/.exec(text.slice(from));
  return from + (match?.[0].length ?? 0);
}

const readers: Record<Keyword, Read> = {
  FROM: readFrom,
  RUN: readRun,
  COPY: readTransfer,
  ADD: readTransfer,
  ENV: readPairs,
  LABEL: readPairs,
  ARG: readArg,
  CMD: (context) => ({ ...context.base, kind: "CMD", command: command(context) }),
  ENTRYPOINT: (context) => ({ ...context.base, kind: "ENTRYPOINT", command: command(context) }),
  HEALTHCHECK: readHealthcheck,
  WORKDIR: readSingle,
  USER: readSingle,
  STOPSIGNAL: readSingle,
  MAINTAINER: readSingle,
  EXPOSE: readListing,
  VOLUME: readListing,
  SHELL: readShell,
  ONBUILD: readOnbuild,
};

function command({ base }: Context): Command {
  if (base.json) return { shell: false, args: base.words.map((word) => word.text) };
  return { shell: true, args: base.rest === "" ? [] : [base.rest] };
}

function readFrom({ base, flags }: Context): Instruction | InstructionProblem {
  const [image, as, name] = base.words;
  const named = base.words.length === 3 && as!.text.toLowerCase() === "as";
  if (!image || (base.words.length !== 1 && !named)) return { message: say.fromArguments };
  const stage = name?.text.toLowerCase();
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage)) return { message: say.badStageName(name!.text), range: name!.range };
  return { ...base, kind: "FROM", image, stage, stageRange: name?.range, platform: flags.text("platform") };
}

function readRun(context: Context): Instruction | InstructionProblem {
  const { base, flags } = context;
  if (base.words.length === 0) return { message: say.atLeastOneArgument("RUN") };
  const network = flags.flag("network");
  if (network && !["default", "none", "host"].includes(network.value!)) {
    return {
      message: say.withSuggestion(`unsupported network mode ${JSON.stringify(network.value)}`, network.value!, ["default", "none", "host"]),
      range: network.range,
    };
  }
  const security = flags.flag("security");
  if (security && !["sandbox", "insecure"].includes(security.value!)) {
    return { message: `security mode ${JSON.stringify(security.value)} is not supported`, range: security.range };
  }
  const variable = flags.all("mount").find((flag) => /(?:^|,)from=[^,]*\$./i.test(flag.value!));
  if (variable) return { message: "'from' doesn't support variable expansion, define alias stage instead", range: variable.range };
  return {
    ...base,
    kind: "RUN",
    command: command(context),
    mounts: flags.all("mount"),
    network: network?.value,
    security: security?.value,
    devices: flags.all("device").map((flag) => flag.value!),
  };
}

function readTransfer(context: Context): Instruction | InstructionProblem {
  const { base, flags } = context;
  const kind = base.name.toUpperCase() as "COPY" | "ADD";
  const destination = base.words.at(-1);
  if (!destination || base.words.length < 2) return { message: say.noDestination(kind) };
  const inline = new Map(base.heredocs.map((heredoc) => [positionKey(heredoc.range), heredoc]));
  const isInline = (word: Word): boolean => inline.has(positionKey(word.range));
  if (isInline(destination)) return { message: `${kind} cannot accept a heredoc as a destination`, range: destination.range };
  const sources = base.words.slice(0, -1);
  return {
    ...base,
    kind,
    sources: sources.filter((word) => !isInline(word)),
    inline: sources.flatMap((word) => inline.get(positionKey(word.range)) ?? []),
    destination,
    ...transferFlags(flags),
  };
}

function transferFlags(flags: FlagValues): Omit<Transfer, keyof InstructionBase | "kind" | "sources" | "inline" | "destination"> {
  return {
    from: flags.flag("from"),
    chown: flags.text("chown"),
    chmod: flags.text("chmod"),
    link: flags.switch("link") ?? false,
    parents: flags.switch("parents") ?? false,
    exclude: flags.all("exclude").map((flag: Flag) => flag.value!),
    checksum: flags.text("checksum"),
    keepGitDir: flags.switch("keep-git-dir") ?? false,
    unpack: flags.switch("unpack"),
  };
}

const positionKey = ({ start }: Range): string => `${start.line}:${start.character}`;

function readPairs(context: Context): Instruction | InstructionProblem {
  const { base } = context;
  const kind = base.name.toUpperCase() as "ENV" | "LABEL";
  const first = base.words[0];
  if (!first) return { message: say.atLeastOneArgument(kind) };
  if (!first.text.includes("=")) return readLegacyPair(context, kind);
  const pairs: Pair[] = [];
  for (const word of base.words) {
    const equals = word.text.indexOf("=");
    if (equals < 0) return { message: say.noEquals(word.text), range: word.range };
    if (equals === 0) return { message: say.blankNames(kind), range: word.range };
    pairs.push({ key: word.text.slice(0, equals), value: word.text.slice(equals + 1), legacy: false, range: word.range });
  }
  return { ...base, kind, pairs };
}

/** `ENV KEY the rest of the line`. */
function readLegacyPair({ base }: Context, kind: "ENV" | "LABEL"): Instruction | InstructionProblem {
  const match = /^(\S+)\s+(.+)$/s.exec(base.rest);
  if (!match) return { message: say.twoArguments(kind) };
  const range = { start: base.words[0]!.range.start, end: base.words.at(-1)!.range.end };
  return { ...base, kind, pairs: [{ key: match[1]!, value: match[2]!, legacy: true, range }] };
}

function readArg({ base }: Context): Instruction | InstructionProblem {
  if (base.words.length === 0) return { message: say.atLeastOneArgument("ARG") };
  const pairs: Pair[] = [];
  for (const word of base.words) {
    const equals = word.text.indexOf("=");
    if (equals === 0) return { message: say.blankNames("ARG"), range: word.range };
    const key = equals < 0 ? word.text : word.text.slice(0, equals);
    pairs.push({ key, value: equals < 0 ? undefined : word.text.slice(equals + 1), legacy: false, range: word.range });
  }
  return { ...base, kind: "ARG", pairs };
}

function readSingle({ base }: Context): Instruction | InstructionProblem {
  const kind = base.name.toUpperCase() as "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER";
  if (base.rest === "") return { message: say.exactlyOneArgument(kind) };
  return { ...base, kind, value: base.rest };
}

function readListing({ base }: Context): Instruction | InstructionProblem {
  const kind = base.name.toUpperCase() as "EXPOSE" | "VOLUME";
  if (base.words.length === 0) return { message: say.atLeastOneArgument(kind) };
  if (base.words.some((word) => word.text.trim() === "")) return { message: "VOLUME specified can not be an empty string" };
  return { ...base, kind, values: base.words };
}

function readShell({ base }: Context): Instruction | InstructionProblem {
  if (base.rest === "" || (base.json && base.words.length === 0)) return { message: say.atLeastOneArgument("SHELL") };
  if (!base.json) return { message: say.notJson("SHELL") };
  return { ...base, kind: "SHELL", args: base.words.map((word) => word.text) };
}

function readHealthcheck({ base, flags }: Context): Instruction | InstructionProblem {
  const type = base.words[0]?.text.toUpperCase();
  if (type === undefined) return { message: say.atLeastOneArgument("HEALTHCHECK") };
  const none = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  if (type === "NONE") {
    if (base.words.length > 1) return { message: "HEALTHCHECK NONE takes no arguments" };
    return { ...base, kind: "HEALTHCHECK", test: ["NONE"], ...none };
  }
  if (type !== "CMD") return { message: `Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`, range: base.words[0]!.range };
  if (base.words.length === 1) return { message: "Missing command after HEALTHCHECK CMD" };
  const read = healthOptions(flags);
  if ("message" in read) return read;
  const rest = base.rest.replace(/^\S+\s*/, "");
  const test = base.json ? ["CMD", ...base.words.slice(1).map((word) => word.text)] : ["CMD-SHELL", rest];
  return { ...base, kind: "HEALTHCHECK", test, ...none, ...read.options };
}

function healthOptions(flags: FlagValues): { options: Record<string, number> } | InstructionProblem {
  const options: Record<string, number> = {};
  const durations = { interval: "interval", timeout: "timeout", startPeriod: "start-period", startInterval: "start-interval" };
  for (const [key, name] of Object.entries(durations)) {
    const flag = flags.flag(name);
    const read = flag ? readDuration(flag.value!) : { nanoseconds: 0 };
    if ("message" in read) return { message: read.message, range: flag!.range };
    if (read.nanoseconds !== 0 && read.nanoseconds < 1e6) {
      return { message: `Interval ${JSON.stringify(name)} cannot be less than 1ms`, range: flag!.range };
    }
    options[key] = read.nanoseconds;
  }
  const retries = flags.flag("retries");
  if (!retries) return { options };
  if (!/^[+-]?\d+$/.test(retries.value!)) {
    return { message: `strconv.ParseInt: parsing ${JSON.stringify(retries.value)}: invalid syntax`, range: retries.range };
  }
  if (Number(retries.value) < 0) return { message: `--retries cannot be negative (${retries.value})`, range: retries.range };
  return { options: { ...options, retries: Number(retries.value) } };
}

function readOnbuild({ base, line, rest, escape }: Context): Instruction | InstructionProblem {
  if (base.rest === "") return { message: say.atLeastOneArgument("ONBUILD") };
  const parts = readBase(line, rest, []);
  const keyword = parts.base.name.toUpperCase();
  if (keyword === "ONBUILD") return { message: "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", range: parts.base.nameRange };
  if (keyword === "FROM" || keyword === "MAINTAINER") {
    return { message: `${keyword} isn't allowed as an ONBUILD trigger`, range: parts.base.nameRange };
  }
  const trigger = readInstruction(line, parts, { escape, heredocs: base.heredocs });
  if (!("kind" in trigger)) return trigger;
  const expression = base.heredocs.reduce((text, heredoc) => `${text}\n${heredoc.content}${heredoc.name}`, base.rest);
  return { ...base, kind: "ONBUILD", expression, trigger };
}

/** Whether a word of COPY or ADD opens a heredoc, for those who look at words alone. */
export function isHeredocWord(word: string, escape: "\\" | "`"): boolean {
  return heredocOf({ text: word, start: 0, end: word.length }, escape) !== undefined;
}
