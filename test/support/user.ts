/**
 * The users that engines are tested as. Root makes an unprivileged user with ranges of subordinate ids for "user"; without
 * root, "user" is whoever runs the tests and "root" is skipped.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, readFileSync } from "node:fs";
import { firstFreeId, readSubordinateIds, SMALLEST_RANGE } from "../../engine/host/subordinate-ids.ts";

export type As = "root" | "user";

export interface TestUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const NAME = "berth-test";
const isRoot = process.getuid!() === 0;

/** Why an engine cannot be tested as this user here: for a test's `skip`; false when it can. */
export function cannotRunAs(as: As): string | false {
  return as === "root" && !isRoot && "needs root";
}

/** Both, for tests that hold for each: `for (const as of USERS) test(…)`. */
export const USERS: readonly As[] = ["root", "user"];

/** The user, made if need be. */
export function testUser(as: As): TestUser {
  if (as === "root" || !isRoot)
    return { name: idOf("-un"), uid: process.getuid!(), gid: process.getgid!(), home: process.env["HOME"] ?? "/" };
  if (existsSync("/dev/net/tun")) chmodSync("/dev/net/tun", 0o666);
  if (!readFileSync("/etc/passwd", "utf8").includes(`\n${NAME}:`)) execFileSync("useradd", ["--create-home", "--shell", "/bin/sh", NAME]);
  const user = { name: NAME, uid: Number(idOf("-u", NAME)), gid: Number(idOf("-g", NAME)), home: `/home/${NAME}` };
  for (const path of ["/etc/subuid", "/etc/subgid"]) {
    if (readSubordinateIds(path, user)) continue;
    const texts = ["/etc/subuid", "/etc/subgid"].filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8"));
    appendFileSync(path, `${NAME}:${firstFreeId(...texts)}:${SMALLEST_RANGE}\n`);
  }
  return user;
}

function idOf(...args: string[]): string {
  return execFileSync("id", args, { encoding: "utf8" }).trim();
}
