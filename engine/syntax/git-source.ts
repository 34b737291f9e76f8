/**
 * Git repositories as a build names them: `https://host/repo.git#ref:folder`, `…?branch=main&subdir=app`, `git://…`,
 * `ssh://…`, `user@host:repo.git`, and, for a context alone, `github.com/…`.
 * @see https://docs.docker.com/build/concepts/context/#git-repositories
 */

export interface GitSource {
  /** Where git fetches from. */
  readonly url: string;
  /** Branch, tag or commit; empty for the default branch. */
  readonly ref: string;
  /** What is taken of it; empty for everything. */
  readonly folder: string;
  /** The commit, or the beginning of it. */
  readonly checksum?: string;
  /** Whether `.git` stays, when the URL says so. */
  readonly keepGitDir?: boolean;
  readonly submodules: boolean;
  /** It is fetched with a key of the client's ssh agent. */
  readonly isSsh: boolean;
}

const SCP_LIKE = /^[\w-]+@[\w.-]+:(?!\/\/)/;

/** Whether a build takes it for a repository, and not for a file or a path. */
export function isGitSource(text: string): boolean {
  return isGitSourceOfAdd(text) || text.startsWith("github.com/");
}

/** The same for a source of ADD, where `github.com/…` is a path. */
export function isGitSourceOfAdd(text: string): boolean {
  return /^(?:git|ssh):\/\//.test(text) || SCP_LIKE.test(text) || /^https?:\/\/[^?#]+\.git(?:[?#]|$)/.test(text);
}

/** Whether git needs an ssh agent for it. */
export function isSshSource(text: string): boolean {
  return text.startsWith("ssh://") || SCP_LIKE.test(text);
}

/** @returns what is wrong with it, in BuildKit's words, as `problem` */
export function parseGitSource(text: string): GitSource | { readonly problem: string } {
  const [, address = "", query = "", fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  const [ref, folder] = cut(fragment, ":");
  const url = address.startsWith("github.com/") ? `https://${address}` : address;
  const asked = readQuery(new URLSearchParams(query), { ref, folder });
  return "problem" in asked ? asked : { submodules: true, ...asked, url, isSsh: isSshSource(text) };
}

type Asked = Pick<GitSource, "ref" | "folder" | "checksum" | "keepGitDir"> & { readonly submodules?: boolean };

const PREFIXES = { tag: "refs/tags/", branch: "refs/heads/", ref: "" };

function readQuery(query: URLSearchParams, fragment: { ref: string; folder: string }): Asked | { problem: string } {
  let asked: Asked = fragment;
  if (query.has("tag") && query.has("branch")) return { problem: "branch conflicts with tag" };
  for (const name of new Set(query.keys())) {
    const [value = "", ...more] = query.getAll(name);
    if (more.length > 0) return { problem: `query ${JSON.stringify(name)} has multiple values` };
    const read = readField(name, value, asked);
    if ("problem" in read) return read;
    asked = { ...asked, ...read };
  }
  return asked.ref === "" && asked.checksum !== undefined ? { ...asked, ref: asked.checksum } : asked;
}

function readField(name: string, value: string, { ref, folder }: Asked): Partial<Asked> | { problem: string } {
  if (name === "keep-git-dir" || name === "submodules") {
    const isOn = value === "" || /^(?:1|t|true)$/i.test(value);
    if (!isOn && !/^(?:0|f|false)$/i.test(value)) return { problem: `invalid ${name} value: ${JSON.stringify(value)}` };
    return name === "submodules" ? { submodules: isOn } : { keepGitDir: isOn };
  }
  if (value === "") return { problem: `query ${JSON.stringify(name)} has no value` };
  if (name === "checksum" || name === "commit") return { checksum: value };
  if (name === "subdir")
    return folder === "" || folder === value ? { folder: value } : { problem: `subdir conflicts: ${quoted(folder, value)}` };
  if (name !== "ref" && name !== "tag" && name !== "branch") return { problem: `unexpected query ${JSON.stringify(name)}` };
  const prefix = PREFIXES[name];
  const whole = value.startsWith(prefix) ? value : prefix + value;
  return ref === "" || ref === whole ? { ref: whole } : { problem: `ref conflicts: ${quoted(ref, whole)}` };
}

function quoted(one: string, other: string): string {
  return `${JSON.stringify(one)} vs ${JSON.stringify(other)}`;
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** The URL without name and password, as it may be shown and kept. */
export function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/, "$1xxxxx@");
}
