/**
 * Entry of the `berth` command. What is compiled is kept, so that the next call starts faster: of the files that are loaded after
 * this one, which is why the command itself is another file when it is built.
 */
import { constants, enableCompileCache } from "node:module";

// Only this call is about it, none that it makes.
const { BERTH_ANNOUNCED } = process.env;
delete process.env["BERTH_ANNOUNCED"];

const { HOME, XDG_CACHE_HOME = HOME && `${HOME}/.cache` } = process.env;
// The directory that Node would take is for all users of the machine, and belongs to the first of them.
if (XDG_CACHE_HOME === undefined || enableCompileCache(`${XDG_CACHE_HOME}/berth/node`).status === constants.compileCacheStatus.FAILED)
  enableCompileCache();
void import("./process.ts").then(({ main }) => main(BERTH_ANNOUNCED));
