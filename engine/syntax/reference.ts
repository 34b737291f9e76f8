/**
 * Image references, read as Docker reads them: `[domain/]path[:tag][@digest]`, where a missing domain means Docker Hub and
 * a Hub name without a slash lives under `library/`.
 *
 *     nginx            docker.io/library/nginx
 *     me/app:1         docker.io/me/app:1
 *     localhost/app    localhost/app
 *     host:5000/a/b    host:5000/a/b
 *
 * @see https://github.com/distribution/reference/blob/v0.6.0/normalize.go
 */

/** A fully spelled name; `tag` and `digest` are absent when they were not written. */
export interface Reference {
  /** Registry, e.g. `docker.io` or `localhost:5000`. */
  readonly domain: string;
  /** Repository within the registry, e.g. `library/nginx`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: `sha256:${string}`;
}

export type ReferenceResult = { readonly reference: Reference } | { readonly problem: string };

export const DOCKER_HUB = "docker.io";
const LEGACY_DOCKER_HUB = "index.docker.io";
const OFFICIAL = "library/";
const LONGEST_NAME = 255;

const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
const NAME_PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = "[\\w][\\w.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(`^(${DOMAIN})/(${NAME_PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const WHOLE_TAG = new RegExp(`^${TAG}$`);
const ID = /^[a-f0-9]{64}$/;
const SHA256 = /^sha256:[a-f0-9]{64}$/;

/** Longer input cannot be a reference (name, tag and digest at their limits); it is refused before a pattern sees it. */
const LONGEST_REFERENCE = 4096;

/** Reads a reference; never throws. Problems are Docker's sentences. */
export function parseReference(text: string): ReferenceResult {
  if (text.length > LONGEST_REFERENCE) return { problem: "invalid reference format" };
  if (ID.test(text)) return { problem: `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings` };
  const [domain, rest] = splitDomain(text);
  const remote = rest.split(":", 1)[0]!;
  if (remote.toLowerCase() !== remote) return { problem: `invalid reference format: repository name (${remote}) must be lowercase` };
  const match = REFERENCE.exec(`${domain}/${rest}`);
  if (!match) return { problem: "invalid reference format" };
  if (match[2]!.length > LONGEST_NAME) return { problem: `repository name must not be more than ${LONGEST_NAME} characters` };
  const problem = match[4] === undefined ? undefined : digestProblem(match[4]);
  if (problem) return { problem };
  return {
    reference: {
      domain: match[1]!,
      path: match[2]!,
      ...(match[3] !== undefined && { tag: match[3] }),
      ...(match[4] !== undefined && { digest: match[4] as `sha256:${string}` }),
    },
  };
}

/** Whether `text` can stand after the colon of a reference. */
export function isTag(text: string): boolean {
  return WHOLE_TAG.test(text);
}

/** The reference with `latest` where neither a tag nor a digest was written. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

/** Domain and path, nothing left out: `docker.io/library/nginx`. */
export function repositoryName({ domain, path }: Pick<Reference, "domain" | "path">): string {
  return `${domain}/${path}`;
}

/** Domain and path as people write them: `nginx`, `me/app`, `localhost:5000/a`. */
export function familiarName({ domain, path }: Pick<Reference, "domain" | "path">): string {
  if (domain !== DOCKER_HUB) return `${domain}/${path}`;
  const short = path.startsWith(OFFICIAL) ? path.slice(OFFICIAL.length) : path;
  return short.includes("/") && path.startsWith(OFFICIAL) ? path : short;
}

/** The whole reference as people write it: `nginx:latest`, `me/app@sha256:…`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

/** The whole reference, nothing left out: `docker.io/library/nginx:latest`. */
export function canonicalReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** canonicalReference of a name as somebody wrote it, with its tag; what is no name stays as it is. */
export function fullName(text: string): string {
  const parsed = parseReference(text);
  return "reference" in parsed ? canonicalReference(withDefaultTag(parsed.reference)) : text;
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** The first component is a domain when it looks like a host: it has a dot, a colon or a capital, or is `localhost`. */
function splitDomain(name: string): [domain: string, rest: string] {
  const slash = name.indexOf("/");
  if (slash < 0) return [DOCKER_HUB, OFFICIAL + name];
  const first = name.slice(0, slash);
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  const domain = !isDomain || first === LEGACY_DOCKER_HUB ? DOCKER_HUB : first;
  const rest = isDomain ? name.slice(slash + 1) : name;
  return [domain, domain === DOCKER_HUB && !rest.includes("/") ? OFFICIAL + rest : rest];
}

function digestProblem(digest: string): string | undefined {
  const algorithm = digest.slice(0, digest.indexOf(":"));
  if (algorithm !== "sha256") return "unsupported digest algorithm";
  return SHA256.test(digest) ? undefined : "invalid checksum digest length";
}
