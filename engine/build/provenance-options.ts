/** `--attest`, `--provenance` and `--sbom` as BuildKit's frontend is asked for them. Pure. */
import { EngineError } from "../errors.ts";

/** What is written down of how an image was made. */
export interface ProvenanceOptions {
  /** `max` also tells arguments, secrets' names, the steps and the Dockerfile. */
  readonly mode: "min" | "max";
  readonly version: "v0.2" | "v1";
  readonly builderId: string;
  /** What the user promises. */
  readonly reproducible: boolean;
}

const PREFIX = "attest:";

/**
 * @param options of the frontend: `attest:provenance` with fields such as `mode=max`
 * @returns undefined when none is asked for. `inline-only` is what buildx adds to every build by itself, and is not asking
 * @throws {EngineError} invalid for fields that are not known, and for a kind that is not made
 */
export function readAttestations(options: Readonly<Record<string, string>>): ProvenanceOptions | undefined {
  const asked = Object.entries(options).flatMap(([key, value]) =>
    key.startsWith(PREFIX) ? [{ kind: key.slice(PREFIX.length), fields: fieldsOf(value) }] : [],
  );
  const wanted = asked.filter(({ fields }) => !isTrue(fields["disabled"]) && !isTrue(fields["inline-only"]));
  const other = wanted.find(({ kind }) => kind !== "provenance");
  if (other?.kind === "sbom")
    throw new EngineError(
      "invalid",
      "An SBOM is not made, because it takes a scanner's image: leave out --sbom, or use --provenance alone",
    );
  if (other) throw new EngineError("invalid", `unsupported attestation type ${JSON.stringify(other.kind)}: there is provenance`);
  return wanted[0] && readProvenance(wanted[0].fields);
}

function readProvenance(fields: Readonly<Record<string, string>>): ProvenanceOptions {
  const { mode = "max", version = "v0.2", "builder-id": builderId = "", reproducible = "false" } = fields;
  if (mode !== "min" && mode !== "max" && mode !== "full") throw new EngineError("invalid", `invalid mode ${JSON.stringify(mode)}`);
  if (version !== "v0.2" && version !== "v1") throw new EngineError("invalid", `invalid provenance SLSA version: ${version}`);
  if (!isTrue(reproducible) && !/^(?:0|f|false)$/i.test(reproducible))
    throw new EngineError("invalid", `failed to parse reproducible flag ${JSON.stringify(reproducible)}`);
  return { mode: mode === "min" ? "min" : "max", version, builderId, reproducible: isTrue(reproducible) };
}

function isTrue(text: string | undefined): boolean {
  return /^(?:1|t|true)$/i.test(text ?? "");
}

function fieldsOf(text: string): Record<string, string> {
  const pairs = text.split(",").filter((field) => field !== "");
  return Object.fromEntries(
    pairs.map((field) => {
      const at = field.indexOf("=");
      return at < 0 ? [field, ""] : [field.slice(0, at).trim(), field.slice(at + 1)];
    }),
  );
}
