/**
 * A registry as its API shows it: repositories, tags, manifests. Tokens are fetched as the registry asks for them.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
import type { AuthConfig } from "../../engine/api/types/image.ts";
import { t } from "../language/server/words.ts";

export interface RegistryAccount {
  readonly kind: "hub" | "ghcr" | "generic";
  /** `docker.io`, `ghcr.io`, `localhost:5000`; as it stands in front of an image's name. */
  readonly domain: string;
  readonly username: string;
  readonly password: string;
  /** Of a login that is not kept here: the helper that has it, or `config.json`. */
  readonly from?: string;
}

export interface Manifest {
  readonly digest: string;
  readonly text: string;
}

const TIMEOUT_MS = 20_000;
const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** What is needed of a login when a registry wants one. */
type Credentials = Pick<AuthConfig, "username" | "password" | "identitytoken">;

export class Registry {
  readonly account: Omit<RegistryAccount, "password">;
  readonly #login: () => Promise<Credentials | undefined>;
  readonly #tokens = new Map<string, string>();
  #credentials: Promise<Credentials> | undefined;

  /** @param login asked for when the registry wants one */
  constructor(account: Omit<RegistryAccount, "password">, login: () => Promise<Credentials | undefined>) {
    this.account = account;
    this.#login = login;
  }

  /** Fails when the registry does not answer, or does not take the account. @throws {Error} a sentence for the user */
  async check(): Promise<void> {
    if (this.account.kind === "hub") await this.#hubToken();
    else await this.#get("/v2/", "");
  }

  /** Names of repositories, without the domain. Some registries tell nobody: then what to do is said. */
  async repositories(): Promise<string[]> {
    const { kind, username } = this.account;
    if (kind === "hub") return this.#hubRepositories();
    if (kind === "ghcr") return this.#githubPackages();
    try {
      return await this.#pages<string>("/v2/_catalog?n=1000", { scope: "registry:catalog:*", list: "repositories" });
    } catch (error) {
      if (error instanceof RegistryError && [401, 403, 404].includes(error.status))
        throw new Error(t("{0} does not list its repositories for {1}", this.account.domain, username || t("everybody")), { cause: error });
      throw error;
    }
  }

  tags(repository: string): Promise<string[]> {
    return this.#pages<string>(`/v2/${repository}/tags/list?n=1000`, { scope: `repository:${repository}:pull`, list: "tags" });
  }

  async manifest(repository: string, reference: string): Promise<Manifest> {
    const response = await this.#get(`/v2/${repository}/manifests/${reference}`, `repository:${repository}:pull`, {
      accept: MANIFEST_TYPES,
    });
    return { digest: response.headers.get("docker-content-digest") ?? "", text: await response.text() };
  }

  /** Registries that allow it delete by digest, and with it every tag of it. */
  async remove(repository: string, tag: string): Promise<void> {
    const { digest } = await this.manifest(repository, tag);
    await this.#get(`/v2/${repository}/manifests/${digest}`, `repository:${repository}:pull,push,delete`, { method: "DELETE" });
  }

  get #base(): string {
    const { domain } = this.account;
    if (domain === "docker.io") return "https://registry-1.docker.io";
    return `${/^(localhost|127\.|\[::1\])/.test(domain) ? "http" : "https"}://${domain}`;
  }

  async #pages<T>(first: string, { scope, list }: { scope: string; list: string }): Promise<T[]> {
    const all: T[] = [];
    for (let path: string | undefined = first; path;) {
      const response: Response = await this.#get(path, scope);
      const body = (await response.json()) as Record<string, T[] | null>;
      all.push(...(body[list] ?? []));
      const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
      path = next && next.replace(this.#base, "");
    }
    return all;
  }

  async #get(path: string, scope: string, options: { method?: string; accept?: string } = {}): Promise<Response> {
    const { method = "GET", accept = "application/json" } = options;
    const send = (authorization: string | undefined): Promise<Response> =>
      request(`${this.#base}${path}`, { method, headers: { accept, ...(authorization ? { authorization } : {}) } });
    let response = await send(this.#tokens.get(scope));
    if (response.status === 401) {
      const authorization = await this.#authorize(response.headers.get("www-authenticate") ?? "", scope);
      this.#tokens.set(scope, authorization);
      response = await send(authorization);
    }
    if (!response.ok) throw await RegistryError.of(response, this.account.domain);
    return response;
  }

  async #authorize(challenge: string, scope: string): Promise<string> {
    const basic = await this.#basic();
    if (/^basic/i.test(challenge) && basic) return basic;
    const fields = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]));
    if (!/^bearer/i.test(challenge) || !fields["realm"]) throw new RegistryError(401, t("{0} wants a login", this.account.domain));
    const url = new URL(fields["realm"]);
    if (fields["service"]) url.searchParams.set("service", fields["service"]);
    if (fields["scope"] ?? scope) url.searchParams.set("scope", fields["scope"] ?? scope);
    const { identitytoken } = await this.#secret();
    const response = identitytoken
      ? await request(fields["realm"], { method: "POST", body: refresh(url.searchParams, identitytoken) })
      : await request(url.href, { headers: basic ? { authorization: basic } : {} });
    if (!response.ok) throw await RegistryError.of(response, this.account.domain);
    const { token, access_token } = (await response.json()) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access_token ?? ""}`;
  }

  #secret(): Promise<Credentials> {
    this.#credentials ??= this.#login().then((found) => found ?? {});
    return this.#credentials;
  }

  async #basic(): Promise<string | undefined> {
    const { username, password } = await this.#secret();
    return username && password ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` : undefined;
  }

  async #hubToken(): Promise<string> {
    const { username, password } = await this.#secret();
    const response = await request("https://hub.docker.com/v2/users/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password }),
    });
    if (!response.ok) throw await RegistryError.of(response, "Docker Hub");
    return ((await response.json()) as { token: string }).token;
  }

  async #hubRepositories(): Promise<string[]> {
    const authorization = `Bearer ${await this.#hubToken()}`;
    const names: string[] = [];
    for (let url: string | null = `https://hub.docker.com/v2/repositories/${this.account.username}/?page_size=100`; url;) {
      const response: Response = await request(url, { headers: { authorization } });
      if (!response.ok) throw await RegistryError.of(response, "Docker Hub");
      const page = (await response.json()) as { next: string | null; results: { namespace: string; name: string }[] };
      names.push(...page.results.map(({ namespace, name }) => `${namespace}/${name}`));
      url = page.next;
    }
    return names;
  }

  async #githubPackages(): Promise<string[]> {
    const { username } = this.account;
    const { password } = await this.#secret();
    const response = await request("https://api.github.com/user/packages?package_type=container&per_page=100", {
      headers: { authorization: `Bearer ${password}`, accept: "application/vnd.github+json" },
    });
    if (!response.ok) throw await RegistryError.of(response, "GitHub");
    const packages = (await response.json()) as { name: string; owner?: { login: string } }[];
    return packages.map(({ name, owner }) => `${owner?.login ?? username}/${name}`.toLowerCase());
  }
}

/** An identity token instead of a password. @see https://distribution.github.io/distribution/spec/auth/oauth/ */
function refresh(query: URLSearchParams, identitytoken: string): URLSearchParams {
  const body = new URLSearchParams({ grant_type: "refresh_token", client_id: "berth", refresh_token: identitytoken });
  for (const [name, value] of query) body.set(name, value);
  return body;
}

export class RegistryError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "RegistryError";
    this.status = status;
  }

  /** The registry's own sentence where it has one. */
  static async of(response: Response, who: string): Promise<RegistryError> {
    const text = await response.text().catch(() => "");
    let said: string | undefined;
    try {
      const body = JSON.parse(text) as { errors?: { message?: string }[]; message?: string; detail?: string };
      said = body.errors?.[0]?.message ?? body.message ?? body.detail;
    } catch {
      // No JSON: the status says it.
    }
    return new RegistryError(response.status, `${who}: ${said ?? `${response.status} ${response.statusText}`}`);
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined;
    throw new Error(t("Cannot reach {0}: {1}", new URL(url).host, cause?.message ?? (error as Error).message), { cause: error });
  }
}
