/** `--chmod`: octal, or symbolic as chmod(1) reads it. */

/** What is wrong with a mode, undefined when nothing is. */
export function checkChmod(mode: string): string | undefined {
  if (/^[0-7]+$/.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return undefined;
  if (/^\d/.test(mode)) return `invalid chmod parameter: '${mode}'. it should be octal string and between 0 and 07777`;
  return mode.split(",").every((clause) => clausePattern.test(clause)) ? undefined : `invalid chmod parameter: '${mode}'`;
}

const clausePattern = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;

/**
 * Permission bits after `--chmod`.
 * @param current permission bits of the source, setuid, setgid and sticky included
 */
export function changeMode(mode: string, current: number, options: { directory: boolean }): number {
  if (/^[0-7]+$/.test(mode)) return Number.parseInt(mode, 8);
  return mode.split(",").reduce((bits, clause) => applyClause(clause, bits, options.directory), current);
}

function applyClause(clause: string, current: number, directory: boolean): number {
  const [, who, actions] = clausePattern.exec(clause)!;
  const targets = who === "" || who!.includes("a") ? ["u", "g", "o"] : Array.from(who!);
  let bits = current;
  for (const [, operator, permissions] of actions!.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)) {
    for (const target of targets) bits = applyTo(target, operator!, { permissions: permissions!, bits, directory });
  }
  return bits;
}

const shifts: Record<string, number> = { u: 6, g: 3, o: 0 };
const special: Record<string, number> = { u: 0o4000, g: 0o2000, o: 0 };

function applyTo(
  target: string,
  operator: string,
  { permissions, bits, directory }: { permissions: string; bits: number; directory: boolean },
): number {
  const shift = shifts[target]!;
  let wanted = permissionBits(permissions, bits, directory) << shift;
  if (permissions.includes("s")) wanted |= special[target]!;
  if (permissions.includes("t")) wanted |= 0o1000;
  if (operator === "+") return bits | wanted;
  if (operator === "-") return bits & ~wanted;
  return (bits & ~((7 << shift) | special[target]!)) | wanted;
}

function permissionBits(permissions: string, bits: number, directory: boolean): number {
  if (permissions in shifts) return (bits >> shifts[permissions]!) & 7;
  let wanted = 0;
  if (permissions.includes("r")) wanted |= 4;
  if (permissions.includes("w")) wanted |= 2;
  if (permissions.includes("x") || (permissions.includes("X") && (directory || (bits & 0o111) !== 0))) wanted |= 1;
  return wanted;
}
