/**
 * What a Dockerfile says, with the place where it says it.
 *
 *     text → logical lines (continuations joined, comments out, heredocs attached) → instructions → stages
 *
 * Everything here is plain data. Positions are 0-based, `character` counts UTF-16 units, ends are exclusive: what the
 * editor uses as well. Parsing never throws; what is wrong is a problem, and the instruction becomes `INVALID`.
 * @see https://docs.docker.com/reference/dockerfile/
 */
export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Position;
  readonly end: Position;
}

export interface Problem {
  /** BuildKit's sentence, without `dockerfile parse error on line 3: `. */
  readonly message: string;
  readonly range: Range;
  readonly severity: "error" | "warning";
}

/** A piece of text as it stands in the file (after joining lines), quotes and variables untouched. */
export interface Word {
  readonly text: string;
  readonly range: Range;
}

/** `--name=value`; the value is undefined for a bare `--name`. Quotes are removed, variables are not. */
export interface Flag {
  readonly name: string;
  readonly value: string | undefined;
  readonly range: Range;
}

/** `<<NAME`, `<<-NAME`, `<<"NAME"` and the lines up to NAME. */
export interface Heredoc {
  readonly name: string;
  /** False when any part of the name is quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs of each line do not count. */
  readonly chomp: boolean;
  /** The lines between, their line ends included. */
  readonly content: string;
  /** The word that opens it. */
  readonly range: Range;
  /** The lines between and the terminator. */
  readonly contentRange: Range;
}

export interface Directive {
  /** Lower case. */
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
  readonly range: Range;
  readonly valueRange: Range;
}

export interface Comment {
  /** Without `#` and surrounding white space. */
  readonly text: string;
  readonly range: Range;
}

/** `KEY=value` of ENV, LABEL and ARG; `value` is undefined for an ARG without default. */
export interface Pair {
  readonly key: string;
  readonly value: string | undefined;
  /** The older form `ENV KEY value`. */
  readonly legacy: boolean;
  readonly range: Range;
}

export interface InstructionBase {
  /** As typed, e.g. `from`. */
  readonly name: string;
  readonly nameRange: Range;
  /** The whole instruction, heredocs included. */
  readonly range: Range;
  /** Continuation lines joined; heredoc contents not included. */
  readonly original: string;
  /** What follows the name and the flags. */
  readonly rest: string;
  readonly flags: readonly Flag[];
  readonly words: readonly Word[];
  /** The arguments are a JSON array. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The comment lines directly above. */
  readonly comments: readonly string[];
}

/** Shell form: one string for the shell; exec form: the argument vector. */
export interface Command {
  readonly shell: boolean;
  readonly args: readonly string[];
}

export interface From extends InstructionBase {
  readonly kind: "FROM";
  readonly image: Word;
  /** Lower case. */
  readonly stage: string | undefined;
  readonly stageRange: Range | undefined;
  readonly platform: string | undefined;
}

export interface Run extends InstructionBase {
  readonly kind: "RUN";
  readonly command: Command;
  /** Values of `--mount`, not expanded yet. */
  readonly mounts: readonly Flag[];
  readonly network: string | undefined;
  readonly security: string | undefined;
  /** Values of `--device`. */
  readonly devices: readonly string[];
}

export interface Transfer extends InstructionBase {
  readonly kind: "COPY" | "ADD";
  /** Paths, wildcards, URLs; not heredocs. */
  readonly sources: readonly Word[];
  readonly inline: readonly Heredoc[];
  readonly destination: Word;
  readonly from: Flag | undefined;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean;
  /** undefined: local archives yes, remote ones no. */
  readonly unpack: boolean | undefined;
}

export interface Variables extends InstructionBase {
  readonly kind: "ENV" | "LABEL" | "ARG";
  readonly pairs: readonly Pair[];
}

export interface Starting extends InstructionBase {
  readonly kind: "CMD" | "ENTRYPOINT";
  readonly command: Command;
}

/** Durations are nanoseconds, 0 means "inherit". */
export interface Healthcheck extends InstructionBase {
  readonly kind: "HEALTHCHECK";
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export interface Single extends InstructionBase {
  readonly kind: "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER";
  readonly value: string;
}

export interface Listing extends InstructionBase {
  readonly kind: "EXPOSE" | "VOLUME";
  readonly values: readonly Word[];
}

export interface Shell extends InstructionBase {
  readonly kind: "SHELL";
  readonly args: readonly string[];
}

export interface Onbuild extends InstructionBase {
  readonly kind: "ONBUILD";
  /** The instruction's text, as the image's config keeps it. */
  readonly expression: string;
  readonly trigger: Instruction;
}

/** An instruction with a problem: its words are there, its meaning is not. */
export interface Invalid extends InstructionBase {
  readonly kind: "INVALID";
}

export type Instruction = From | Run | Transfer | Variables | Starting | Healthcheck | Single | Listing | Shell | Onbuild | Invalid;

export interface Stage {
  readonly index: number;
  /** Lower case, undefined for a stage without AS. */
  readonly name: string | undefined;
  readonly from: From;
  readonly instructions: readonly Instruction[];
  readonly range: Range;
}

export interface Dockerfile {
  readonly text: string;
  readonly escape: "\\" | "`";
  readonly directives: readonly Directive[];
  readonly comments: readonly Comment[];
  /** All instructions in order, also those before the first FROM. */
  readonly instructions: readonly Instruction[];
  /** ARGs before the first FROM. */
  readonly globalArgs: readonly Variables[];
  readonly stages: readonly Stage[];
  /** In the order of the file; the first error is the one that a build reports. */
  readonly problems: readonly Problem[];
}
