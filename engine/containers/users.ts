/**
 * Who a container's process is: `--user` looked up in the image's own /etc/passwd and /etc/group.
 * The files are read by the caller, inside the root file system, so that a link cannot lead out of it.
 */
import { EngineError } from "../errors.ts";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** Text of the two files; empty when the image has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const LARGEST_ID = 2 ** 31 - 1;

/**
 * @param wanted `name`, `uid`, `name:group`, `uid:gid` or ""
 * @param groupAdd names or ids of --group-add
 * @throws {EngineError} invalid `unable to find user x: no matching entries in passwd file`
 */
export function resolveUser(wanted: string, groupAdd: readonly string[], files: UserFiles): ResolvedUser {
  const [user = "", group] = wanted.split(":", 2);
  const groups = parseGroups(files.group);
  const account = findAccount(user || "0", parseAccounts(files.passwd));
  const gid = group ? findGroup(group, groups) : account.gid;
  // A group on the command line replaces the user's own groups, as Docker does it.
  const own = group ? [] : groups.filter(({ members }) => members.includes(account.name)).map((entry) => entry.gid);
  const added = groupAdd.map((name) => findGroup(name, groups));
  const additionalGids = [...new Set([gid, ...own, ...added])];
  return { uid: account.uid, gid, additionalGids, home: account.home };
}

function findAccount(user: string, accounts: readonly Account[]): Account {
  const byName = accounts.find(({ name }) => name === user);
  if (byName) return byName;
  const uid = toId(user);
  if (uid === undefined) throw new EngineError("invalid", `unable to find user ${user}: no matching entries in passwd file`);
  return accounts.find((account) => account.uid === uid) ?? { name: "", uid, gid: 0, home: "/" };
}

function findGroup(group: string, groups: readonly Group[]): number {
  const byName = groups.find(({ name }) => name === group);
  if (byName) return byName.gid;
  const gid = toId(group);
  if (gid === undefined) throw new EngineError("invalid", `Unable to find group ${group}: no matching entries in group file`);
  return gid;
}

function toId(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id > LARGEST_ID) throw new EngineError("invalid", "uids and gids must be in range 0-2147483647");
  return id;
}

function lines(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function parseAccounts(text: string): Account[] {
  return lines(text).map(([name = "", , uid, gid, , home]) => ({ name, uid: Number(uid), gid: Number(gid), home: home || "/" }));
}

function parseGroups(text: string): Group[] {
  return lines(text).map(([name = "", , gid, members]) => ({
    name,
    gid: Number(gid),
    members: (members ?? "").split(",").filter(Boolean),
  }));
}
