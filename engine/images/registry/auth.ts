/**
 * How a registry is shown who we are: it answers 401 with a challenge, which asks for a password (Basic) or for a token
 * (Bearer) that another server gives for the password.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
import type { IncomingMessage } from "node:http";
import type { AuthConfig } from "../../api/types/image.ts";
import { EngineError } from "../../errors.ts";
import { AccessError, readError } from "./refusal.ts";
import { readBody } from "./transport.ts";
import type { Transport } from "./transport.ts";

export interface Challenge {
  scheme: "basic" | "bearer";
  parameters: Record<string, string>;
}

/** Reads `WWW-Authenticate`; the best of what we can answer. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const challenges = [...(header ?? "").matchAll(/\b(basic|bearer)\b((?:\s*,?\s*[a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^\s,"]+))*)/gi)].map(
    (match): Challenge => {
      const parameters = [...match[2]!.matchAll(/([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)];
      return {
        scheme: match[1]!.toLowerCase() as Challenge["scheme"],
        parameters: Object.fromEntries(
          parameters.map((each) => [each[1]!.toLowerCase(), (each[2] ?? each[3] ?? "").replace(/\\(.)/g, "$1")]),
        ),
      };
    },
  );
  return challenges.find(({ scheme }) => scheme === "bearer") ?? challenges[0];
}

/** User name and password of an AuthConfig, whichever way they are written. */
export function basicOf(auth: AuthConfig | undefined): { username: string; password: string } | undefined {
  if (auth?.username && auth.password !== undefined) return { username: auth.username, password: auth.password };
  const [username, ...rest] = Buffer.from(auth?.auth ?? "", "base64")
    .toString()
    .split(":");
  return username && rest.length > 0 ? { username, password: rest.join(":") } : undefined;
}

export class Authenticator {
  readonly #transport: Transport;
  readonly #auth: AuthConfig | undefined;
  readonly #tokens = new Map<string, { header: string; expiresMs: number }>();
  readonly #plainHttp: boolean;
  #challenge: Challenge | undefined;
  /** Set while logging in: a token server may give a token that stands for the password from then on. */
  askForIdentity = false;
  identityToken = "";

  /** @param plainHttp a token may be fetched without encryption, as the registry itself is */
  constructor(transport: Transport, auth: AuthConfig | undefined, plainHttp: boolean) {
    this.#transport = transport;
    this.#auth = auth;
    this.#plainHttp = plainHttp;
  }

  /** The header for a request in `scope`, as far as the registry has asked for one. */
  async header(scope: string, signal?: AbortSignal): Promise<Record<string, string>> {
    if (this.#auth?.registrytoken) return { Authorization: `Bearer ${this.#auth.registrytoken}` };
    if (!this.#challenge) return {};
    if (this.#challenge.scheme === "basic") return this.#basic();
    const token = this.#tokens.get(scope);
    if (token && token.expiresMs > Date.now()) return { Authorization: token.header };
    return { Authorization: await this.#fetchToken(this.#challenge.parameters, scope, signal) };
  }

  /** Takes in what a 401 asked for. @returns whether another try makes sense */
  challenged(header: string | undefined, scope: string): boolean {
    const isFirst = this.#challenge === undefined;
    this.#challenge = parseChallenge(header);
    const hadToken = this.#tokens.delete(scope);
    return this.#challenge !== undefined && (isFirst || hadToken);
  }

  #basic(): Record<string, string> {
    const basic = basicOf(this.#auth);
    if (!basic) throw new AccessError("unauthorized", "no basic auth credentials");
    return { Authorization: encodeBasic(basic) };
  }

  async #fetchToken({ realm = "", service = "" }: Record<string, string>, scope: string, signal?: AbortSignal): Promise<string> {
    const url = tokenUrl(realm, this.#plainHttp);
    const isRefresh = !!this.#auth?.identitytoken;
    const basic = basicOf(this.#auth);
    if (!isRefresh) for (const [name, value] of [["service", service], ["scope", scope]] as const) if (value) url.searchParams.append(name, value); // oxfmt-ignore
    if (!isRefresh && this.askForIdentity) for (const [name, value] of [["offline_token", "true"], ["client_id", "berth"], ["account", basic?.username ?? ""]] as const) url.searchParams.append(name, value); // oxfmt-ignore
    const form = { grant_type: "refresh_token", service, scope, client_id: "berth", refresh_token: this.#auth?.identitytoken ?? "" };
    const response = await this.#transport.send({
      method: isRefresh ? "POST" : "GET",
      url: url.href,
      headers: isRefresh ? { "Content-Type": "application/x-www-form-urlencoded" } : basic ? { Authorization: encodeBasic(basic) } : {},
      body: isRefresh ? Buffer.from(new URLSearchParams(form).toString()) : undefined,
      signal,
    });
    if (response.statusCode !== 200) throw await refused(response);
    const body = await readBody(response, 1 << 20);
    return this.#keep(scope, body);
  }

  #keep(scope: string, body: Buffer): string {
    const { token, access_token, refresh_token, expires_in } = JSON.parse(body.toString()) as {
      refresh_token?: string;
      token?: string;
      access_token?: string;
      expires_in?: number;
    };
    const value = token ?? access_token;
    if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value))
      throw new AccessError("internal", "authorization server did not include a token in the response");
    if (this.askForIdentity && typeof refresh_token === "string") this.identityToken = refresh_token;
    const seconds = typeof expires_in === "number" ? expires_in : 60;
    // Renewed before it is refused: clocks differ and requests take time.
    this.#tokens.set(scope, { header: `Bearer ${value}`, expiresMs: Date.now() + Math.max(seconds * 0.8, 10) * 1000 });
    return `Bearer ${value}`;
  }
}

/** In the token server's words, where it has any. */
async function refused(response: IncomingMessage): Promise<AccessError> {
  const { code, kind, message } = await readError(response);
  const isAboutPassword = code === "UNKNOWN" && (response.statusCode === 401 || response.statusCode === 403);
  return isAboutPassword ? new AccessError("unauthorized", "unauthorized: incorrect username or password") : new AccessError(kind, message);
}

/** A password goes only where it is encrypted, unless the registry was declared to be insecure. */
function tokenUrl(realm: string, plainHttp: boolean): URL {
  const url = URL.parse(realm);
  if (!url || (url.protocol !== "https:" && !(url.protocol === "http:" && plainHttp)))
    throw new EngineError("internal", `Cannot fetch a token from "${realm}": the address is not https`);
  return url;
}

function encodeBasic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
