/**
 * Entry of the `berth` command. What is compiled is kept, so that the next call starts faster.
 */
import { enableCompileCache } from "node:module";

enableCompileCache();
const { main } = await import("./process.ts");
await main();
