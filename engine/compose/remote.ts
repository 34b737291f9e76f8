/** Compose files that are somewhere else: in a Git repository or in a registry. */

/** Whether docker compose would fetch it: `https://host/x.git#ref:path`, `git@host:x`, `oci://host/x`. */
export function isRemote(path: string): boolean {
  return /^(https?|git|ssh|oci):\/\/|^git@[^/]+:|^github\.com\//.test(path);
}

/** Why it is not read, and what to do. */
export function remoteSentence(path: string): string {
  const how = path.startsWith("oci://") ? "get its files" : "clone its repository";
  return `remote compose files are not supported: ${path}: ${how} and name the local path`;
}
