/** What VS Code in a browser has written down to come back with. Runs in the window's page, so it uses nothing from outside. */

/** The part of a browser's database that is needed here; the tests are not compiled for browsers. */
interface Request<Result> {
  readonly result: Result;
  readonly error: Error | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface Database {
  readonly objectStoreNames: { contains(name: string): boolean };
  transaction(store: string): { objectStore(name: string): { getAll(): Request<unknown[]> } };
  close(): void;
}
declare const indexedDB: { databases(): Promise<{ readonly name?: string }[]>; open(name: string): Request<Database> };
declare function requestIdleCallback(done: () => void, options: { readonly timeout: number }): void;

/**
 * Resolves once the stored state has each text of `keeps`.
 * @throws {Error} naming the one that is missing after `limitMs` milliseconds
 */
export async function storedState({ keeps, limitMs }: { readonly keeps: readonly string[]; readonly limitMs: number }): Promise<void> {
  const resultOf = <Result>(request: Request<Result>): Promise<Result> =>
    new Promise((done, fail) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error ?? new Error("Cannot read the window's state"));
    });
  const stored = async (): Promise<string> => {
    let text = "";
    for (const { name = "" } of await indexedDB.databases()) {
      if (!name.startsWith("vscode-web-state-db-")) continue;
      const database = await resultOf(indexedDB.open(name));
      if (database.objectStoreNames.contains("ItemTable"))
        text += (await resultOf(database.transaction("ItemTable").objectStore("ItemTable").getAll())).join("\n");
      database.close();
    }
    // Editors are kept as JSON in JSON in JSON.
    return text.replaceAll("\\", "");
  };
  for (const started = performance.now(); ;) {
    const text = await stored();
    const missing = keeps.find((word) => !text.includes(word));
    if (missing === undefined) return;
    if (performance.now() - started > limitMs) throw new Error(`The window has not written down ${missing}`);
    await new Promise<void>((done) => requestIdleCallback(done, { timeout: 250 }));
  }
}
