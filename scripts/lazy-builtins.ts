/**
 * For esbuild: modules of Node that take milliseconds to load and that most commands import but do not call are loaded at the
 * first call of one of their functions. A constant or class of theirs cannot be had so: esbuild then says that there is no export.
 */
import type { Plugin } from "esbuild";

const SLOW = ["node:crypto", "node:fs/promises", "node:stream/consumers", "node:stream/promises"];

export const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) =>
      SLOW.includes(path) ? { path, namespace: "lazy-builtin", sideEffects: false } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "lazy-builtin" }, async ({ path }) => ({ contents: await facade(path) }));
  },
};

async function facade(path: string): Promise<string> {
  const real = (await import(path)) as Record<string, unknown>;
  const names = Object.keys(real).filter((name) => name !== "default" && typeof real[name] === "function" && /^[a-z]/.test(name));
  const load = `let real; const load = () => (real ??= process.getBuiltinModule(${JSON.stringify(path)}));`;
  return [load, ...names.map((name) => `export function ${name}(...args) { return load().${name}(...args); }`)].join("\n");
}
