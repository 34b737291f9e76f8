/**
 * Users and groups as a container's own /etc/passwd and /etc/group name them.
 * @see https://github.com/moby/sys/blob/user/v0.3.0/user/user.go GetExecUser
 */
import { EngineError } from "../errors.ts";

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first, then the others that the user is in. */
  readonly additionalGids: number[];
  readonly home: string;
}

interface Passwd {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface Group {
  name: string;
  gid: number;
  members: string[];
}

const LARGEST_ID = 2 ** 31 - 1;

/**
 * Who `user` is: a name or uid, with an optional `:group`; empty is root.
 * @param files contents of /etc/passwd and /etc/group, empty where there is none
 * @throws {EngineError} invalid with Docker's sentence
 */
export function lookUpUser(user: string, groupAdd: readonly string[], files: { passwd: string; group: string }): User {
  const [userPart = "", groupPart = ""] = user.split(":");
  const passwd = parsePasswd(files.passwd);
  const groups = parseGroup(files.group);
  const found = findUser(userPart, passwd);
  const explicit = groupPart === "" ? undefined : findGroup(groupPart, groups);
  const gid = explicit ?? found.gid;
  const member = explicit === undefined && found.name !== undefined ? groups.filter(({ members }) => members.includes(found.name!)) : [];
  const added = groupAdd.map((group) => findGroup(group, groups));
  const additionalGids = [...new Set([gid, ...member.map((group) => group.gid), ...added])];
  return { uid: found.uid, gid, additionalGids, home: found.home };
}

function findUser(user: string, passwd: readonly Passwd[]): { uid: number; gid: number; home: string; name?: string } {
  const entry = user === "" ? passwd.find(({ uid }) => uid === 0) : (passwd.find(({ name }) => name === user) ?? byId(user, passwd));
  if (entry) return entry;
  if (user === "") return { uid: 0, gid: 0, home: "/" };
  if (!/^\d+$/.test(user)) throw noSuchId("user", user);
  return { uid: checkId(user), gid: 0, home: "/" };
}

function byId(user: string, passwd: readonly Passwd[]): Passwd | undefined {
  return /^\d+$/.test(user) ? passwd.find(({ uid }) => uid === Number(user)) : undefined;
}

function findGroup(group: string, groups: readonly Group[]): number {
  const entry = groups.find(({ name }) => name === group);
  if (entry) return entry.gid;
  if (!/^\d+$/.test(group)) throw noSuchId("group", group);
  return checkId(group);
}

/** A number below zero is out of range, all else is a name. */
function noSuchId(kind: "user" | "group", text: string): EngineError {
  if (/^-\d+$/.test(text)) return outOfRange();
  return new EngineError("invalid", `unable to find ${kind} ${text}: no matching entries in ${kind === "user" ? "passwd" : "group"} file`);
}

function outOfRange(): EngineError {
  return new EngineError("invalid", `uids and gids must be in range 0-${LARGEST_ID}`);
}

function checkId(text: string): number {
  const id = Number(text);
  if (id > LARGEST_ID) throw outOfRange();
  return id;
}

function fields(text: string): string[][] {
  return text.split("\n").flatMap((line) => {
    const trimmed = line.trim();
    return trimmed === "" || trimmed.startsWith("#") ? [] : [trimmed.split(":")];
  });
}

function parsePasswd(text: string): Passwd[] {
  return fields(text).map(([name = "", , uid = "", gid = "", , home = ""]) => ({
    name,
    uid: Number(uid),
    gid: Number(gid),
    home: home || "/",
  }));
}

function parseGroup(text: string): Group[] {
  return fields(text).map(([name = "", , gid = "", members = ""]) => ({ name, gid: Number(gid), members: members.split(",") }));
}
