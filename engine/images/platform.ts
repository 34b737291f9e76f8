/** Platforms: which image of an index runs here. */
import { EngineError } from "../errors.ts";
import type { Descriptor, Platform } from "./images.ts";

const ARCHITECTURES: Record<string, Platform> = {
  x64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64", variant: "v8" },
  arm: { os: "linux", architecture: "arm", variant: "v7" },
  ia32: { os: "linux", architecture: "386" },
  ppc64: { os: "linux", architecture: "ppc64le" },
};

/** What containers of this machine run as. */
export function hostPlatform(): Platform {
  return ARCHITECTURES[process.arch] ?? { os: "linux", architecture: process.arch };
}

const ALIASES: Record<string, Omit<Platform, "os">> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
};

/**
 * Reads `os[/architecture[/variant]]` or an architecture alone.
 * @throws {EngineError} invalid
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part)))
    throw new EngineError("invalid", `"${text}": unknown operating system or architecture: invalid argument`);
  if (parts.length === 1 && parts[0] === "linux") return hostPlatform();
  const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]!] : parts;
  const known = ALIASES[architecture!] ?? { architecture: architecture! };
  return { os: os!, ...known, ...(variant && { variant }) };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}

/** Whether what was built for `have` is what `want` asks for; a missing variant is the architecture's usual one. */
export function matchesPlatform(have: Platform, want: Platform): boolean {
  return have.os === want.os && have.architecture === want.architecture && variantOf(have) === variantOf(want);
}

function variantOf({ architecture, variant }: Platform): string {
  if (variant) return variant;
  return { arm64: "v8", arm: "v7" }[architecture] ?? "";
}

/** The manifests of an index that suit, best first: 32-bit ARM also runs what was built for less. */
export function choosePlatform(manifests: readonly Descriptor[], want: Platform): Descriptor | undefined {
  const exact = manifests.find(({ platform }) => platform && matchesPlatform(platform, want));
  if (exact || want.architecture !== "arm") return exact ?? manifests.find(({ platform }) => platform && isBaseline(platform, want));
  const variants = ["v7", "v6", "v5"].filter((variant) => variant <= variantOf(want));
  return variants.map((variant) => manifests.find(({ platform }) => platform && matchesPlatform(platform, { ...want, variant }))).find(Boolean); // oxfmt-ignore
}

/** `linux/amd64/v2` and its like may fall back to the architecture without a variant. */
function isBaseline(have: Platform, want: Platform): boolean {
  return have.os === want.os && have.architecture === want.architecture && !have.variant;
}
