/** The arguments about platforms that every Dockerfile may declare. */
import type { Platform } from "../images/images.ts";
import { platformText } from "../images/platform.ts";

/** TARGETPLATFORM, BUILDARCH and so on. */
export function platformArgs(target: Platform, build: Platform): [string, string][] {
  const args = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, platformText(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return [...args("BUILD", build), ...args("TARGET", target)];
}
