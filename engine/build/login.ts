/** The login that a build's request has for the registry of an image. */
import type { AuthConfig } from "../api/types/image.ts";
import { parseReference } from "../syntax/reference.ts";
import type { BuildRequest } from "./builder.ts";

export async function loginFor(reference: string, request: Pick<BuildRequest, "auth" | "login">): Promise<AuthConfig | undefined> {
  const parsed = parseReference(reference);
  if (!("reference" in parsed)) return undefined;
  const { domain } = parsed.reference;
  const all = request.auth ?? {};
  const given = all[domain] ?? all[`https://${domain}`] ?? (domain === "docker.io" ? all["https://index.docker.io/v1/"] : undefined);
  return given ?? request.login?.(domain);
}
