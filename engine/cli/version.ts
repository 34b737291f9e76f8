/** This command's version; that of the package. */
export const CLI_VERSION = "0.1.0";

/** What `berth --version` prints. */
export function versionLine(): string {
  return `Berth version ${CLI_VERSION}`;
}
