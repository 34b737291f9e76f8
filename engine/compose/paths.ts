/** A place in the model: keys and list indices from the root. */
export type ModelPath = readonly string[];

/** `services.web.ports`, as messages say it. */
export function pathText(path: ModelPath): string {
  return path.join(".");
}

interface Branch<T> {
  readonly branches: Map<string, Branch<T>>;
  rule?: T;
}

/** Rules for places of the model; `*` stands for any key or index. */
export class PathRules<T> {
  readonly #root: Branch<T> = { branches: new Map() };

  constructor(rules: Readonly<Record<string, T>>) {
    for (const [pattern, rule] of Object.entries(rules)) {
      let branch = this.#root;
      for (const part of pattern.split(".")) {
        const next = branch.branches.get(part) ?? { branches: new Map<string, Branch<T>>() };
        branch.branches.set(part, next);
        branch = next;
      }
      branch.rule = rule;
    }
  }

  /** The rule for exactly this place. A written key wins over `*`. */
  match(path: ModelPath): T | undefined {
    return find(this.#root, path, 0);
  }
}

function find<T>(branch: Branch<T>, path: ModelPath, depth: number): T | undefined {
  const part = path[depth];
  if (part === undefined) return branch.rule;
  const exact = branch.branches.get(part);
  const found = exact && find(exact, path, depth + 1);
  if (found !== undefined) return found;
  const any = branch.branches.get("*");
  return any && find(any, path, depth + 1);
}

/** What is wrong at one place of the model; the loader knows which file and line that is. */
export class ModelError extends Error {
  readonly path: ModelPath;
  /** What else is wrong, as far as the same step found it: an editor tells all of it, a command the first. */
  readonly others: readonly ModelError[];

  /** @param options.cause the fault of another file, where this place names the file */
  constructor(message: string, path: ModelPath, others: readonly ModelError[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = "ModelError";
    this.path = path;
    this.others = others;
  }
}

/** `items.map(work)`, which goes on after a fault. @throws {ModelError} the first fault, with the others */
export function mapAll<T, R>(items: Iterable<T>, work: (item: T, index: number) => R): R[] {
  const results: R[] = [];
  const faults: ModelError[] = [];
  for (const item of items) {
    try {
      results.push(work(item, results.length + faults.length));
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      faults.push(error);
    }
  }
  const [first] = faults;
  if (first && faults.length === 1) throw first;
  if (first) {
    const all = faults.flatMap((fault) => (fault === first ? fault.others : [fault, ...fault.others]));
    throw new ModelError(first.message, first.path, all.filter(isNew([first])), { cause: first.cause });
  }
  return results;
}

/** What several steps ran into is told once. */
function isNew(told: readonly ModelError[]): (fault: ModelError) => boolean {
  const keyOf = ({ message, path }: ModelError): string => `${path.join(".")} ${message}`;
  const seen = new Set(told.map(keyOf));
  return (fault) => !seen.has(keyOf(fault)) && seen.add(keyOf(fault)) !== undefined;
}
