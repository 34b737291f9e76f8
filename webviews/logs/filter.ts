/** Which lines are shown. Pure, so that it can be thought about without a page. */

export interface Filter {
  /** A regular expression, or the text itself where it is none (yet). */
  readonly text: string;
  /** The least level that is shown. */
  readonly level: Level | "";
  /** `status>=500 path=/api`: every one has to hold for the line's JSON; dots go deeper. */
  readonly fields: string;
}

export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

const NAMES: Readonly<Record<string, Level>> = {
  trace: "trace",
  verbose: "trace",
  debug: "debug",
  dbg: "debug",
  info: "info",
  information: "info",
  notice: "info",
  inf: "info",
  warn: "warn",
  warning: "warn",
  wrn: "warn",
  error: "error",
  err: "error",
  severe: "error",
  fatal: "error",
  critical: "error",
  crit: "error",
  panic: "error",
  emerg: "error",
  alert: "error",
};

const WORD = new RegExp(`(?:^|[\\s[("|=:])(${Object.keys(NAMES).join("|")})(?=$|[\\s\\])"|:,])`, "i");
/** pino's and bunyan's numbers. */
const NUMBERS: readonly Level[] = ["trace", "trace", "debug", "info", "warn", "error", "error"];

/** What the line says of itself: the `level` of its JSON, else the first word that names one near its beginning. */
export function levelOf(text: string): Level | undefined {
  const json = jsonOf(text);
  const said = json?.["level"] ?? json?.["severity"] ?? json?.["lvl"];
  if (typeof said === "number") return NUMBERS[Math.min(Math.floor(said / 10), 6)];
  if (typeof said === "string") return NAMES[said.toLowerCase()];
  const word = WORD.exec(text.slice(0, 120))?.[1];
  return word === undefined ? undefined : NAMES[word.toLowerCase()];
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  const start = text.indexOf("{");
  if (start < 0 || start > 60 || !text.trimEnd().endsWith("}")) return undefined;
  try {
    return JSON.parse(text.slice(start)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** @throws {Error} what is wrong with the fields, in words */
export function matcher({ text, level, fields }: Filter): (line: { text: string }) => boolean {
  const tests: ((line: string) => boolean)[] = [];
  if (text !== "") tests.push(textTest(text));
  if (level !== "") {
    const least = LEVELS.indexOf(level);
    tests.push((line) => {
      const found = levelOf(line);
      return found !== undefined && LEVELS.indexOf(found) >= least;
    });
  }
  const conditions = parseFields(fields);
  if (conditions.length > 0)
    tests.push((line) => {
      const json = jsonOf(line);
      return json !== undefined && conditions.every((holds) => holds(json));
    });
  return (line) => tests.every((test) => test(line.text));
}

function textTest(text: string): (line: string) => boolean {
  try {
    const pattern = new RegExp(text, "i");
    return (line) => pattern.test(line);
  } catch {
    const plain = text.toLowerCase();
    return (line) => line.toLowerCase().includes(plain);
  }
}

type Condition = (json: Record<string, unknown>) => boolean;

function parseFields(fields: string): Condition[] {
  return (fields.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map((word) => {
    const match = /^([\w.@-]+)(?:(>=|<=|!=|=|>|<|~)(.*))?$/.exec(word);
    if (!match) throw new Error(word);
    const [, path = "", operator, value = ""] = match;
    return condition(path, operator, value.replace(/^"(.*)"$/, "$1"));
  });
}

function condition(path: string, operator: string | undefined, wanted: string): Condition {
  const at = (json: Record<string, unknown>): unknown =>
    json[path] ??
    path
      .split(".")
      .reduce<unknown>(
        (value, key) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined),
        json,
      );
  const text = (json: Record<string, unknown>): string => {
    const value = at(json);
    return typeof value === "object" ? JSON.stringify(value) : String(value as string);
  };
  switch (operator) {
    case "=":
      return (json) => text(json) === wanted;
    case "!=":
      return (json) => text(json) !== wanted;
    case "~":
      return (json) => at(json) !== undefined && text(json).toLowerCase().includes(wanted.toLowerCase());
    case ">=":
      return (json) => Number(at(json)) >= Number(wanted);
    case "<=":
      return (json) => Number(at(json)) <= Number(wanted);
    case ">":
      return (json) => Number(at(json)) > Number(wanted);
    case "<":
      return (json) => Number(at(json)) < Number(wanted);
    default:
      return (json) => at(json) !== undefined;
  }
}
