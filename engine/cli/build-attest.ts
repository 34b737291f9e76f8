/** `--attest`, `--provenance` and `--sbom` as the engine is asked for them. */
import { csvFields, cut } from "./run-config/text.ts";

export interface AttestFlags {
  readonly attest: readonly string[];
  readonly provenance: string;
  readonly sbom: string;
}

/** Fields by kind: `attest:provenance` with `mode=max`; what is switched off is left out. @throws {Error} with buildx's sentences */
export function attestations({ attest, provenance, sbom }: AttestFlags): Record<string, string> {
  const asked = [...attest, ...shorthand("provenance", provenance), ...shorthand("sbom", sbom)].map(readAttestation);
  const found: Record<string, string> = {};
  for (const { type, fields } of asked) {
    const key = `attest:${type}`;
    if (key in found) throw new Error(`duplicate attestation field ${type}`);
    found[key] = fields.join(",");
  }
  return Object.fromEntries(Object.entries(found).filter(([, fields]) => !/(?:^|,)disabled=(?:1|t|true)(?:,|$)/i.test(fields)));
}

/** `--provenance` takes a boolean, or fields. */
function shorthand(type: string, value: string): string[] {
  if (value === "") return [];
  if (/^(?:1|t|true)$/i.test(value)) return [`type=${type}`];
  return [/^(?:0|f|false)$/i.test(value) ? `type=${type},disabled=true` : `type=${type},${value}`];
}

function readAttestation(text: string): { type: string; fields: string[] } {
  const fields = csvFields(text);
  const odd = fields.find((field) => !field.includes("="));
  if (odd !== undefined) throw new Error(`invalid value ${odd}`);
  const type = fields.map((field) => cut(field)).find(([name]) => name === "type")?.[1];
  if (!type) throw new Error(`attestation type not specified: ${text}`);
  return { type, fields: fields.filter((field) => cut(field)[0] !== "type") };
}
