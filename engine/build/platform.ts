/** Platforms as `--platform` writes them: `os/architecture[/variant]`. @see https://pkg.go.dev/github.com/containerd/platforms */
import { arch } from "node:os";
import { EngineError } from "../errors.ts";
import type { Platform } from "../images/images.ts";

const architectures: Record<string, string> = {
  x64: "amd64",
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  i386: "386",
  ia32: "386",
  armhf: "arm",
};

/** The platform of this machine. */
export function hostPlatform(): Platform {
  const architecture = arch();
  return { os: "linux", architecture: architectures[architecture] ?? architecture };
}

/** @throws {EngineError} invalid */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...more] = text.toLowerCase().split("/");
  if (!text || more.length > 0 || [os, architecture, variant].some((part) => part === "")) {
    throw new EngineError("invalid", `failed to parse platform ${text}: ${JSON.stringify(text)} is an invalid component`);
  }
  if (architecture === undefined) {
    if (os === "linux") return { ...hostPlatform(), os };
    return { os: "linux", architecture: architectures[os!] ?? os! };
  }
  const normalized = architectures[architecture] ?? architecture;
  return variant && !(normalized === "arm64" && variant === "v8")
    ? { os: os!, architecture: normalized, variant }
    : { os: os!, architecture: normalized };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join("/");
}

/** The arguments that every Dockerfile may declare: TARGETPLATFORM, BUILDARCH and so on. */
export function platformArgs(target: Platform, build: Platform): [string, string][] {
  const args = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return [...args("BUILD", build), ...args("TARGET", target)];
}
