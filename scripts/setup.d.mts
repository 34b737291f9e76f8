export const root: string;
export const isRoot: boolean;
export const pinnedNode: string;
export function step<T>(title: string, work: () => T | Promise<T>): Promise<T>;
export function command(
  argv: string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string | Buffer; all?: boolean },
): Promise<string>;
export function which(name: string): string | undefined;
export interface SystemPackage {
  program: string | string[];
  package: string;
  why: string;
}
export function installSystemPackages(wanted: SystemPackage[]): Promise<SystemPackage[]>;
export const enginePackages: SystemPackage[];
export function setUp(script: string): Promise<void>;
