/** Logins that `berth login` and `docker login` have made; read anew each time, because others write them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AuthConfig } from "../../engine/api/types/image.ts";
import { allLogins, listLogins, loginOf } from "../../engine/client/logins.ts";
import type { Login, LoginsFile } from "../../engine/client/logins.ts";
import { runCredentialHelper } from "../../engine/host/credential-helper.ts";
import { dockerDirectory } from "./environment.ts";

export async function dockerLogins(): Promise<Login[]> {
  return listLogins(await loginsFile(), runCredentialHelper);
}

/** Undefined when there is none. @throws {Error} with what a helper says when it fails */
export async function dockerLogin(domain: string): Promise<AuthConfig | undefined> {
  return loginOf(await loginsFile(), domain, runCredentialHelper);
}

/** By server. */
export async function allDockerLogins(): Promise<Record<string, AuthConfig>> {
  return allLogins(await loginsFile(), runCredentialHelper);
}

/** A file that is missing or broken has no logins. */
async function loginsFile(): Promise<LoginsFile> {
  try {
    const file: unknown = JSON.parse(await readFile(join(dockerDirectory(), "config.json"), "utf8"));
    return typeof file === "object" && file !== null ? (file as LoginsFile) : {};
  } catch {
    return {};
  }
}
