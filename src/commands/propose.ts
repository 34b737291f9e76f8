/** A name that is typed, with names below it that can be taken as they are. */
import * as vscode from "vscode";

export interface Proposals {
  readonly title: string;
  readonly placeholder: string;
  /** Stands in the box from the start. */
  readonly value: string;
  /** Said beside what is typed. */
  readonly typed: string;
  readonly items: readonly vscode.QuickPickItem[];
  /** What is wrong with a name; undefined when nothing is. */
  readonly problem: (text: string) => string | undefined;
}

/** @returns undefined when the user thought better of it */
export function askProposing({ title, placeholder, value, typed, items, problem }: Proposals): Promise<string | undefined> {
  const input = vscode.window.createQuickPick<vscode.QuickPickItem>();
  Object.assign(input, { title, placeholder, value });
  let own: vscode.QuickPickItem | undefined;
  const others = (text: string): vscode.QuickPickItem[] =>
    items.filter(({ label }) => label !== text).map((item) => ({ ...item, alwaysShow: true }));
  const list = (text: string): void => {
    own = text ? { label: text, description: problem(text) ?? typed, alwaysShow: true } : undefined;
    input.items = [...(own ? [own] : []), ...others(text)];
  };
  list(value);
  input.onDidChangeValue((text) => list(text.trim()));
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      const [chosen] = input.selectedItems;
      // Who types fast is ahead of the row that says what was typed.
      const name = chosen && chosen !== own && input.items.includes(chosen) ? chosen.label : input.value.trim();
      if (!name || problem(name)) return;
      resolve(name);
      input.hide();
    });
    input.onDidHide(() => {
      input.dispose();
      resolve(undefined);
    });
    input.show();
  });
}
