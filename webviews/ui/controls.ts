/**
 * The panels' form controls, from VS Code's webview toolkit: the only file that knows it. Its styles are constructed style sheets, so
 * the pages' policy needs no exception. Native ones are left where an element within a shadow tree cannot do it: fields with
 * suggestions (`list`), choices (the toolkit's say nothing of their state to a screen reader), and links in long lists.
 */
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeCheckbox, vsCodeTextArea, vsCodeTextField } from "@vscode/webview-ui-toolkit";
import type { Button, Checkbox, TextArea, TextField } from "@vscode/webview-ui-toolkit";
import { applyAttributes, element } from "./page.ts";
import type { Attributes } from "./page.ts";

provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeTextArea(), vsCodeTextField());

export type { Checkbox, TextArea, TextField };

/** A check box with its label behind it. */
export function checkbox(text: string, checked: boolean, onChange: (checked: boolean) => void): Checkbox {
  const made = document.createElement("vscode-checkbox") as Checkbox;
  made.checked = checked;
  made.append(text);
  made.addEventListener("change", () => onChange(made.checked));
  return made;
}

export function button(text: string, onClick: () => void, appearance: "primary" | "secondary" = "secondary"): Button {
  const made = document.createElement("vscode-button") as Button;
  made.setAttribute("appearance", appearance);
  made.append(text);
  made.addEventListener("click", onClick);
  return made;
}

/** What looks like a link and does something; there may be thousands. */
export function link(text: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes, class: ["link", attributes["class"]].filter(Boolean).join(" ") }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** A field of one line. Its label is `aria-label`, which reaches into it where `<label for>` does not. */
export function textField(value: string, attributes: Attributes): TextField {
  return field<TextField>("vscode-text-field", value, attributes);
}

/** A field of several lines. */
export function textArea(value: string, attributes: Attributes): TextArea {
  return field<TextArea>("vscode-text-area", value, attributes);
}

function field<T extends TextField | TextArea>(name: string, value: string, attributes: Attributes): T {
  const made = document.createElement(name) as T;
  applyAttributes(made, { spellcheck: "false", ...attributes });
  made.value = value;
  // It calls itself "Text field" when it is put into the page.
  queueMicrotask(() => applyAttributes(made, attributes));
  return made;
}
