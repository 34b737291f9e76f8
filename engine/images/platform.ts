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

const SYSTEMS = "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows".split(" ");
const ARCHITECTURE_NAMES = "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x sparc64 wasm".split(" ");
const WORD = "^[A-Za-z0-9_-]+$";
const SYSTEM = String.raw`^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$`;

/**
 * Reads `os[/architecture[/variant]]` or an architecture alone.
 * @throws {EngineError} invalid, with containerd's sentences
 * @see https://github.com/containerd/platforms/blob/v1.0.0-rc.1/platforms.go Parse
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const refuse = (why: string): never => {
    throw new EngineError("invalid", `${why}: invalid argument`);
  };
  for (const [index, part] of text.split("/", 4).entries()) {
    const [kind, shape, what] = index === 0 ? ["OS component", SYSTEM, "OSAndVersion"] : ["component", WORD, "platform"];
    if (!new RegExp(shape).test(part))
      refuse(`${quote(part)} is an invalid ${kind} of ${quote(text)}: ${what} specifier component must match ${quote(shape)}`);
  }
  if (parts.length > 3) refuse(`${quote(text)}: cannot parse platform specifier`);
  if (parts.length === 1 && SYSTEMS.includes(parts[0]!)) return { ...hostPlatform(), os: parts[0]! };
  const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]!] : parts;
  const known = ALIASES[architecture!] ?? { architecture: architecture! };
  if (parts.length === 1 && !ARCHITECTURE_NAMES.includes(known.architecture))
    refuse(`${quote(text)}: unknown operating system or architecture`);
  return { os: os!, ...known, ...(variant && { variant }) };
}

function quote(text: string): string {
  return JSON.stringify(text);
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
