/** Checks of FROM and of what stages are called. */
import { parseReference } from "../../reference.ts";
import { expand } from "../expand.ts";
import type { Environment } from "../expand.ts";
import { closest } from "../problems.ts";
import type { Dockerfile, From, Stage } from "../tree.ts";
import type { Finding } from "./rules.ts";

const platformArgs = ["BUILD", "TARGET"].flatMap((side) => ["PLATFORM", "OS", "ARCH", "VARIANT"].map((part) => `${side}${part}`));

/** Stands for the value of a predefined argument, which only a build knows. */
const ANY = "any";

export function checkStages(dockerfile: Dockerfile): Finding[] {
  const defaults = defaultArgs(dockerfile);
  const names = new Set<string>();
  return dockerfile.stages.flatMap((stage) => {
    const findings = [...nameFindings(stage, names), ...baseFindings(stage.from, defaults, dockerfile), ...platformFindings(stage.from)];
    if (stage.name !== undefined) names.add(stage.name);
    return findings;
  });
}

/** Names declared before the first FROM with their defaults; undefined for one without. */
function defaultArgs(dockerfile: Dockerfile): Map<string, string | undefined> {
  const args = new Map<string, string | undefined>(platformArgs.map((name) => [name, ANY]));
  for (const { pairs } of dockerfile.globalArgs) {
    for (const { key, value } of pairs) {
      const result = value === undefined ? undefined : expand(value, given(args), { escape: dockerfile.escape });
      args.set(key, result && "text" in result ? result.text : undefined);
    }
  }
  return args;
}

function given(args: ReadonlyMap<string, string | undefined>): Environment {
  return new Map([...args].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function nameFindings({ from, name }: Stage, names: ReadonlySet<string>): Finding[] {
  if (name === undefined) return [];
  const findings: Finding[] = [];
  const [, as, typed] = from.words;
  const range = from.range;
  if (typed!.text !== name)
    findings.push({ rule: "StageNameCasing", message: `Stage name '${typed!.text}' should be lowercase`, range: typed!.range });
  const isUpper = from.name === from.name.toUpperCase();
  if (as!.text !== (isUpper ? "AS" : "as") && from.name === (isUpper ? "FROM" : "from")) {
    findings.push({ rule: "FromAsCasing", message: `'${as!.text}' and '${from.name}' keywords' casing do not match`, range: as!.range });
  }
  if (names.has(name)) {
    findings.push({
      rule: "DuplicateStageName",
      message: `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`,
      range,
    });
  }
  if (name === "scratch" || name === "context") {
    const message = `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`;
    findings.push({ rule: "ReservedStageName", message, range });
  }
  return findings;
}

function baseFindings(from: From, args: ReadonlyMap<string, string | undefined>, dockerfile: Dockerfile): Finding[] {
  const result = expand(from.image.text, given(args), { escape: dockerfile.escape });
  const platform = from.platform === undefined ? undefined : expand(from.platform, given(args), { escape: dockerfile.escape });
  const missing = [result, platform].flatMap((word) => (word && "missing" in word ? [...word.missing] : []));
  const findings = missing
    .filter((name) => !args.has(name))
    .map((name): Finding => {
      const message = withGuess(`FROM argument '${name}' is not declared`, closest(name, [...args.keys()]));
      return { rule: "UndefinedArgInFrom", message, range: from.range };
    });
  if ("text" in result && !("reference" in parseReference(result.text))) {
    const message = `Default value for ARG ${from.image.text} results in empty or invalid base image name`;
    findings.push({ rule: "InvalidDefaultArgInFrom", message, range: from.image.range });
  }
  return findings;
}

function withGuess(message: string, guess: string | undefined): string {
  return guess === undefined ? message : `${message} (did you mean ${guess}?)`;
}

function platformFindings(from: From): Finding[] {
  const { platform, stage = "" } = from;
  if (platform === undefined) return [];
  const range = from.flags.find((flag) => flag.name === "platform")!.range;
  if (/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
    const message = `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    return [{ rule: "RedundantTargetPlatform", message, range }];
  }
  const [os = "", architecture = ""] = platform.split("/");
  const isNamed = (os !== "" && stage.includes(os)) || (architecture !== "" && stage.includes(architecture));
  if (platform.includes("$") || isNamed) return [];
  const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
  return [{ rule: "FromPlatformFlagConstDisallowed", message, range }];
}
