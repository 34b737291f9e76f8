/** A name as a part of a request's path. @throws {Error} in docker's words: without a name it would be another request */
export function inPath(name: string, kind: "container" | "network" | "volume"): string {
  if (name.trim() === "") throw new Error(`invalid ${kind} name or ID: value is empty`);
  return encodeURIComponent(name);
}
