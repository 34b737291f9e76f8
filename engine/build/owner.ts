/** `--chown` and USER: names looked up in the root file system that they are about. */
import { EngineError } from "../errors.ts";
import { resolveLinks } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";
import type { Owner } from "./layer-plan.ts";

/** Whether reading the owner takes /etc/passwd or /etc/group. */
export function needsLookup(owner: string): boolean {
  return owner.split(":").some((part) => part !== "" && !/^\d+$/.test(part));
}

/**
 * `user[:group]`, each a name or a number. Without a group: the user's own for a name, the same number for a number.
 * @throws {EngineError} invalid when a name is not known
 */
export async function readOwner(text: string, root: FileTree): Promise<Owner> {
  const [user = "", group = ""] = text.split(":");
  const found = await readUser(user, root);
  if (group === "") return found;
  if (/^\d+$/.test(group)) return { uid: found.uid, gid: Number(group) };
  const line = await findLine(root, "etc/group", group);
  if (!line) throw new EngineError("invalid", `unable to find group ${group}: no matching entries in group file`);
  return { uid: found.uid, gid: Number(line[2]) };
}

async function readUser(user: string, root: FileTree): Promise<Owner> {
  if (user === "") return { uid: 0, gid: 0 };
  if (/^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  const line = await findLine(root, "etc/passwd", user);
  if (line) return { uid: Number(line[2]), gid: Number(line[3]) };
  if (user === "root") return { uid: 0, gid: 0 };
  throw new EngineError("invalid", `unable to find user ${user}: no matching entries in passwd file`);
}

async function findLine(root: FileTree, path: string, name: string): Promise<string[] | undefined> {
  const entry = root.entry(resolveLinks(root, path) ?? path);
  if (entry?.type !== "file") return undefined;
  let text = "";
  for await (const piece of root.content(entry)) text += piece.toString("latin1");
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[0] === name);
}
