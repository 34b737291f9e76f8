/**
 * Registries that the user has connected: names are kept in the editor's state, passwords in its secret storage only. Besides, and after
 * them, the logins that docker's and Berth's commands have made.
 */
import * as vscode from "vscode";
import type { AuthConfig } from "../../engine/api/types/image.ts";
import type { Registry, RegistryAccount } from "./registry.ts";

const LIST = "berth.registries";
const secretOf = (domain: string, username: string): string => `berth.registry.${username}@${domain}`;

type Listed = Omit<RegistryAccount, "password">;

/** Read when one is wanted: it is no part of the way to a first view. */
const docker = (): Promise<typeof import("../engine/logins.ts")> => import("../engine/logins.ts");

function kindOf(domain: string): RegistryAccount["kind"] {
  return domain === "docker.io" ? "hub" : domain === "ghcr.io" ? "ghcr" : "generic";
}

export class Accounts implements vscode.Disposable {
  readonly #state: vscode.Memento;
  readonly #secrets: vscode.SecretStorage;
  readonly #changed = new vscode.EventEmitter<void>();

  readonly onDidChange = this.#changed.event;

  constructor({ globalState, secrets }: vscode.ExtensionContext) {
    this.#state = globalState;
    this.#secrets = secrets;
  }

  async list(): Promise<Registry[]> {
    const listed = this.#listed();
    const [{ dockerLogins, dockerLogin }, { Registry }] = await Promise.all([docker(), import("./registry.ts")]);
    const logins = (await dockerLogins()).filter(({ domain }) => !listed.some((account) => account.domain === domain));
    return [
      ...listed.map((account) => new Registry(account, async () => ({ ...account, password: await this.#password(account) }))),
      ...logins.map(
        ({ domain, username, helper }) =>
          new Registry({ kind: kindOf(domain), domain, username, from: helper ?? "config.json" }, () => dockerLogin(domain)),
      ),
    ];
  }

  /** Keeps a registry whose account has been checked, in place of one of the same name. */
  async add(account: RegistryAccount): Promise<void> {
    const { password, ...listed } = account;
    await this.#secrets.store(secretOf(account.domain, account.username), password);
    await this.#state.update(LIST, [...this.#others(account), listed]);
    this.#changed.fire();
  }

  async remove(account: Listed): Promise<void> {
    await this.#secrets.delete(secretOf(account.domain, account.username));
    await this.#state.update(LIST, this.#others(account));
    this.#changed.fire();
  }

  /** What the engine sends to the registry of `domain`; undefined when none is connected. */
  async auth(domain: string): Promise<AuthConfig | undefined> {
    const account = this.#listed().find((each) => each.domain === domain && each.username !== "");
    if (account) return this.#authOf(account);
    // As docker does: a helper that fails has no login, and the registry says what it thinks of that.
    return (await docker()).dockerLogin(domain).catch(() => undefined);
  }

  /** Of all of them, by server: what a build may need. */
  async all(): Promise<Record<string, AuthConfig>> {
    const accounts = this.#listed().filter(({ username }) => username !== "");
    const found = await Promise.all(accounts.map((account) => this.#authOf(account)));
    return { ...(await (await docker()).allDockerLogins()), ...Object.fromEntries(found.map((auth) => [auth.serveraddress, auth])) };
  }

  dispose(): void {
    this.#changed.dispose();
  }

  async #authOf(account: Listed): Promise<AuthConfig & { serveraddress: string }> {
    const { domain, username } = account;
    const serveraddress = domain === "docker.io" ? "https://index.docker.io/v1/" : domain;
    return { username, password: await this.#password(account), serveraddress };
  }

  #listed(): Listed[] {
    return this.#state.get<Listed[]>(LIST, []);
  }

  #others({ domain, username }: Listed): Listed[] {
    return this.#listed().filter((each) => each.domain !== domain || each.username !== username);
  }

  async #password({ domain, username }: Listed): Promise<string> {
    return (await this.#secrets.get(secretOf(domain, username))) ?? "";
  }
}
