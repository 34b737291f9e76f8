/** The little of a compose file that a view shows: its project's name, services and profiles. Never throws. */
import { basename, dirname } from "node:path";
import { parse } from "yaml";

export interface ComposeOutline {
  readonly name: string;
  readonly services: readonly { readonly name: string; readonly image: string | undefined; readonly profiles: readonly string[] }[];
  readonly profiles: readonly string[];
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** @param path of the file: its folder names the project unless the text does */
export function composeOutline(text: string, path: string): ComposeOutline {
  const name = projectName(basename(dirname(path)));
  try {
    const file = object(parse(text, { merge: true, logLevel: "silent" }));
    const services = Object.entries(object(file["services"])).map(([service, value]) => ({
      name: service,
      image: word(object(value)["image"]),
      profiles: list(object(value)["profiles"]),
    }));
    const profiles = [...new Set(services.flatMap((service) => service.profiles))].toSorted();
    return { name: word(file["name"])?.replaceAll(/[^a-z0-9_-]/g, "") || name, services, profiles };
  } catch (error) {
    return { name, services: [], profiles: [], problem: (error as Error).message.split("\n")[0]! };
  }
}

/**
 * As compose names a project after its folder: lower case, without what may not be in a name.
 * @see https://github.com/compose-spec/compose-go/blob/v2.9.0/loader/loader.go (NormalizeProjectName)
 */
export function projectName(folder: string): string {
  return (
    folder
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]/g, "")
      .replace(/^[_-]+/, "") || "default"
  );
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function word(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
