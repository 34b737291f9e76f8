/**
 * Entry of the `berth` command. What is compiled is kept, so that the next call starts faster: of the files that are loaded after
 * this one, which is why the command itself is another file when it is built.
 */
import { enableCompileCache } from "node:module";

enableCompileCache();
void import("./process.ts").then(({ main }) => main());
