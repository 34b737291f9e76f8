/** Answers what the extension asks, in order, as a person would; and what it said meanwhile. */
import assert from "node:assert/strict";
import * as vscode from "vscode";

/** A text for an input box or the label of a choice (a part of it); several labels; the path of a file; undefined is Escape. */
export type Answer = string | readonly string[] | undefined;

export interface Said {
  readonly errors: string[];
  readonly messages: string[];
  /** Buttons beside errors. */
  readonly actions: string[];
}

type Item = string | vscode.MessageItem | vscode.QuickPickItem;
const labelOf = (item: Item): string => (typeof item === "string" ? item : "label" in item ? item.label : item.title);

/** Runs a command of Berth with answers to all that it asks. @throws what it told as an error, unless `errors` are wanted */
export async function run(name: string, args: readonly unknown[] = [], answers: readonly Answer[] = [], wantErrors = false): Promise<Said> {
  return answering(answers, wantErrors, async () => void (await vscode.commands.executeCommand(`berth.${name}`, ...args)));
}

export async function answering(answers: readonly Answer[], wantErrors: boolean, work: () => Promise<void>): Promise<Said> {
  const said: Said = { errors: [], messages: [], actions: [] };
  const left = [...answers];
  const next = (what: string): Answer => {
    assert.ok(left.length > 0, `It asks more than expected: ${what}`);
    return left.shift();
  };
  /** Takes the answer if it is Escape. */
  const escaped = (what: string): boolean => left.length > 0 && left[0] === undefined && next(what) === undefined;
  const choose = (items: readonly Item[], what: string): Item => {
    const wanted = String(next(what));
    const found = items.find((item) => labelOf(item) === wanted) ?? items.find((item) => labelOf(item).includes(wanted));
    assert.ok(found !== undefined, `"${wanted}" is not among ${items.map(labelOf).join(" | ")}`);
    return found;
  };
  const message =
    (list: string[]) =>
    (text: string, ...rest: unknown[]) => {
      list.push(text);
      if (list === said.errors) said.actions.push(...rest.filter((each) => typeof each === "string"));
      const [options, ...items] = (typeof rest[0] === "object" && "modal" in (rest[0] as object) ? rest : [{}, ...rest]) as [
        vscode.MessageOptions,
        ...Item[],
      ];
      return Promise.resolve(options.modal && !escaped(text) ? choose(items, text) : undefined);
    };
  const replaced = {
    showInputBox: async (options: vscode.InputBoxOptions) => {
      const answer = next(options.title ?? options.prompt ?? "a text") as string | undefined;
      if (answer === undefined) return undefined;
      assert.equal((await options.validateInput?.(answer)) || undefined, undefined);
      return answer;
    },
    showQuickPick: async (given: readonly Item[] | Promise<readonly Item[]>, options: vscode.QuickPickOptions = {}) => {
      const items = await given;
      if (escaped("a choice")) return undefined;
      if (!options.canPickMany) return choose(items, options.title ?? "a choice");
      const wanted = next(options.title ?? "choices") as readonly string[];
      return items.filter((item) => wanted.some((text) => labelOf(item).includes(text)));
    },
    createQuickPick: () => typingPick((title) => next(title) as string | undefined),
    showSaveDialog: async () => (escaped("where to save") ? undefined : vscode.Uri.file(next("where to save") as string)),
    showOpenDialog: async () => (escaped("which file") ? undefined : [next("which file")].flat().map((path) => vscode.Uri.file(path!))),
    showErrorMessage: message(said.errors),
    showWarningMessage: message(said.messages),
    showInformationMessage: message(said.messages),
  };
  await instead(replaced, work);
  if (!wantErrors) assert.deepEqual(said.errors, []);
  assert.deepEqual(left, [], "It asks less than expected");
  return said;
}

/** A box into which somebody types, who then takes the first of what is offered; undefined is Escape. */
function typingPick(answer: (title: string) => string | undefined): unknown {
  const [changed, accepted, hidden] = [new vscode.EventEmitter<string>(), new vscode.EventEmitter<void>(), new vscode.EventEmitter<void>()];
  const box = {
    title: "",
    value: "",
    items: [] as readonly vscode.QuickPickItem[],
    get selectedItems() {
      return this.items.slice(0, 1);
    },
    onDidChangeValue: changed.event,
    onDidAccept: accepted.event,
    onDidHide: hidden.event,
    show: () => {
      const text = answer(box.title);
      if (text === undefined) return hidden.fire();
      box.value = text;
      changed.fire(text);
      accepted.fire();
    },
    hide: () => hidden.fire(),
    dispose: () => {},
  };
  return box;
}

/** Functions of `vscode.window` for the time of some work. */
export async function instead(replaced: Record<string, unknown>, work: () => Promise<void>): Promise<void> {
  const window = vscode.window as unknown as Record<string, unknown>;
  const before = Object.fromEntries(Object.keys(replaced).map((name) => [name, window[name]]));
  Object.assign(window, replaced);
  try {
    await work();
  } finally {
    Object.assign(window, before);
  }
}

/** Answers everything with Escape. */
export async function escaping(work: () => PromiseLike<unknown>): Promise<Said & { readonly asked: number }> {
  const said: Said = { errors: [], messages: [], actions: [] };
  let asked = 0;
  const escape = async (): Promise<undefined> => void asked++;
  const tell = (list: string[]) => async (text: string) => void list.push(text);
  const closing = <T extends vscode.QuickInput>(input: T): T => {
    const show = input.show.bind(input);
    input.show = () => {
      asked++;
      show();
      input.hide();
    };
    return input;
  };
  const { createInputBox, createQuickPick } = vscode.window;
  await instead(
    {
      showInputBox: escape,
      showQuickPick: async (items: unknown) => (await items, escape()),
      showSaveDialog: escape,
      showOpenDialog: escape,
      showWorkspaceFolderPick: escape,
      showErrorMessage: tell(said.errors),
      showWarningMessage: tell(said.messages),
      showInformationMessage: tell(said.messages),
      createInputBox: () => closing(createInputBox()),
      createQuickPick: () => closing(createQuickPick()),
    },
    async () => void (await work()),
  );
  return { ...said, asked };
}

/** Resolves when `find` gives something; it is asked again whenever one of the events fires. */
export async function until<T>(
  find: () => T | undefined | false | Promise<T | undefined | false>,
  ...events: vscode.Event<unknown>[]
): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = async (): Promise<void> => {
      const found = await find();
      if (!found) return;
      for (const subscription of subscriptions) subscription.dispose();
      resolve(found);
    };
    const again = (): void => void look().catch(reject);
    const subscriptions = events.map((event) => event(again));
    again();
  });
}
