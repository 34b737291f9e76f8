/**
 * `npm test`: everything, on a fresh machine too. The last line is `N passed, N failed, N skipped`.
 * `npm test -- unit engine` runs only the named suites.
 */
import { setUp } from "./setup.mjs";

await setUp(import.meta.filename);
const { test } = await import("./test-suites.ts");
process.exitCode = await test(process.argv.slice(2).filter((argument) => !argument.startsWith("-")));
