/**
 * Compose files → one canonical model: parsed, variables replaced, extended, included, merged, checked.
 * Every step works on plain values; a fault names a place, and the place names file, line and column.
 */
import { readFileSync } from "node:fs";
import { parseComposeTree } from "../syntax/compose-tree.ts";
import type { ComposeTree, YamlNode } from "../syntax/compose-tree.ts";
import { YamlValueError, isValueMap, toValue } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { canonicalModel } from "./canonical.ts";
import { interpolateModel } from "./cast.ts";
import { checkModel } from "./checks.ts";
import { setDefaults } from "./defaults.ts";
import { extendServices } from "./extends.ts";
import { includeModels } from "./include.ts";
import { mergeModels } from "./merge.ts";
import { mapAll, ModelError } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import { ComposeError } from "./project.ts";
import { resolveRelativePaths } from "./relative-paths.ts";
import { fileSentence } from "./scope.ts";
import type { FileModel, ModelContext, ModelFile, ModelLoader, ModelScope, Reset } from "./scope.ts";
import { validateSchema } from "./schema.ts";
import { enforceUnicity } from "./unicity.ts";

/** The merged model of several files. @throws {ComposeError} */
export function loadModel(files: readonly ModelFile[], scope: ModelScope, context: ModelContext): ValueMap {
  let model: ValueMap = {};
  for (const file of files) model = layFile(model, file, scope, context).model;
  return placed(context, files.at(-1)?.name, () => {
    setDefaults(model);
    checkModel(model);
    if (scope.base !== undefined) resolveRelativePaths(model, scope.base);
    resolveValues(model, scope.environment);
    return model;
  });
}

/** A file by itself, for `extends`: in long forms, neither extended nor included nor checked. @throws {ComposeError} */
function loadBareFile(file: ModelFile, scope: ModelScope, context: ModelContext): FileModel {
  let reset: Reset = () => undefined;
  let model: ValueMap = {};
  for (const document of readDocuments(file, context)) {
    reset = document.reset;
    const own = placed(context, file.name, () => replaced(document.model, scope, context));
    model = placed(context, file.name, () => canonical(enforceUnicity(mergeModels(model, own)), context));
  }
  return { model, reset };
}

/** Other files are loaded like this one. */
function loaderOf(context: ModelContext): ModelLoader {
  return {
    models: (files, scope) => loadModel(files, scope, context),
    bare: (file, scope) => loadBareFile(file, scope, context),
  };
}

function layFile(before: ValueMap, file: ModelFile, scope: ModelScope, context: ModelContext): FileModel {
  let model = before;
  let reset: Reset = () => undefined;
  for (const document of readDocuments(file, context)) {
    context.signal?.throwIfAborted();
    reset = document.reset;
    model = placed(context, file.name, () => {
      const own = replaced(document.model, scope, context);
      const loader = loaderOf(context);
      const included = [...scope.included, file.name];
      const steps = [
        () => extendServices(own, { file: file.name, scope, loader, resets: [reset] }),
        () => reset(model),
        () => includeModels(own, { scope: { ...scope, included }, context, loader }),
      ];
      mapAll(steps, (step) => step());
      const merged = enforceUnicity(mergeModels(model, own));
      validate(merged, file.name, context);
      return canonical(merged, context);
    });
  }
  return { model, reset };
}

function replaced(model: ValueMap, { environment }: ModelScope, context: ModelContext): ValueMap {
  if (context.skipInterpolation) return model;
  const get = (name: string) => (Object.hasOwn(environment, name) ? environment[name] : undefined);
  return interpolateModel(model, { get, warn: warner(context) });
}

function validate(model: ValueMap, file: string, context: ModelContext): void {
  try {
    validateSchema(model);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const others = error.others.map(({ message, path }) => new ModelError(`validating ${file}: ${message}`, path));
    throw new ModelError(`validating ${file}: ${error.message}`, error.path, others);
  }
  if (!("version" in model)) return;
  delete model["version"];
  const words = "the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion";
  if (context.warnings.some((warning) => warning.message === `${file}: ${words}`)) return;
  warner(context)(`${file}: ${words}`, ["version"]);
}

function canonical(model: ValueMap, context: ModelContext): ValueMap {
  const long = canonicalModel(model, { lenient: context.skipInterpolation, warn: warner(context) });
  for (const service of Object.values(isValueMap(long["services"]) ? long["services"] : {})) {
    if (isValueMap(service) && Array.isArray(service["dns"]))
      service["dns"] = service["dns"].filter((entry) => entry !== null && entry !== "");
  }
  return enforceUnicity(long);
}

function warner(context: ModelContext): (message: string, path: ModelPath) => void {
  return (message, path) => {
    const position = context.sources.locate(path);
    context.warnings.push(position ? { message, position } : { message });
  };
}

/** Gives faults of a step their file, line and column. */
export function placed<T>(context: ModelContext, file: string | undefined, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const composeError = (fault: ModelError, others: readonly ComposeError[]): ComposeError => {
      const at = context.sources.locate(fault.path, file);
      const { cause } = fault;
      if (!(cause instanceof ComposeError)) return new ComposeError(fault.message, at, { cause: fault, others });
      return new ComposeError(cause.message, cause.position, { cause, others: [...cause.others, ...others], via: at });
    };
    throw composeError(
      error,
      error.others.map((other) => composeError(other, [])),
    );
  }
}

/** Text of a compose file. @throws {ComposeError} `open FILE: no such file or directory` */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ComposeError(fileSentence("open", file, error), undefined, { cause: error });
  }
}

function* readDocuments(file: ModelFile, context: ModelContext): Generator<FileModel> {
  const tree = file.tree ?? parseComposeTree(readText(file.name));
  context.sources.add(file.name, tree);
  const problem = tree.problems[0];
  if (problem) throw yamlError(file.name, tree, { message: problem.message, offset: problem.start });
  const real = tree.documents.length === 1 && !tree.documents[0] ? [] : tree.documents;
  for (const root of real) yield readDocument(file.name, tree, root);
}

function readDocument(file: string, tree: ComposeTree, root: YamlNode | undefined): FileModel {
  const removed: ModelPath[] = [];
  let value: Value;
  try {
    value = toValue(root, {
      onTag: (_tag, path) => removed.push(path),
      lineAt: (offset) => tree.positionAt(offset).line,
    });
  } catch (error) {
    if (!(error instanceof YamlValueError)) throw error;
    throw yamlError(file, tree, { message: error.message, offset: error.offset });
  }
  if (!isValueMap(value)) {
    throw new ComposeError("top-level object must be a mapping", { file, ...tree.positionAt(root?.start ?? 0) });
  }
  return { model: value, reset: (model) => removePaths(model, removed) };
}

function yamlError(file: string, tree: ComposeTree, { message, offset }: { message: string; offset: number }): ComposeError {
  const position = tree.positionAt(offset);
  const nonString = message.startsWith("non-string key");
  const words = nonString
    ? message
    : `failed to parse ${file}: ${/^line \d/.test(message) ? message : `yaml: line ${position.line}: ${message}`}`;
  return new ComposeError(words, { file, ...position });
}

/** Entries of lists are not removed: what stands there is laid over by other rules. */
function removePaths(model: ValueMap, paths: readonly ModelPath[]): void {
  for (const path of paths) {
    let parent: Value | undefined = model;
    for (const part of path.slice(0, -1)) parent = isValueMap(parent) ? parent[part] : undefined;
    const last = path.at(-1);
    if (isValueMap(parent) && last !== undefined) delete parent[last];
  }
}

/** Variables without a value, and the contents of secrets and configs that are variables. */
function resolveValues(model: ValueMap, environment: Readonly<Record<string, string>>): void {
  for (const service of Object.values(isValueMap(model["services"]) ? model["services"] : {})) {
    const list = isValueMap(service) ? service["environment"] : undefined;
    if (!isValueMap(service) || !Array.isArray(list)) continue;
    service["environment"] = list.map((entry) => {
      const name = String(entry);
      return Object.hasOwn(environment, name) ? `${name}=${environment[name]}` : name;
    });
  }
  for (const kind of ["configs", "secrets"]) {
    for (const object of Object.values(isValueMap(model[kind]) ? model[kind] : {})) {
      const name = isValueMap(object) ? object["environment"] : undefined;
      if (isValueMap(object) && typeof name === "string" && Object.hasOwn(environment, name)) object["content"] = environment[name] ?? "";
    }
  }
}
