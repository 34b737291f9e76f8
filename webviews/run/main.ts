/** The run form: what a container is to be like, and the command that would do the same. */
import "./run.css";
import type { FromRunPage, RunSpec, RunState, ToRunPage } from "../protocol.ts";
import { button, checkbox, textArea, textField } from "../ui/controls.ts";
import type { TextArea, TextField } from "../ui/controls.ts";
import type { Memory } from "../ui/memory.ts";
import { element, startPage, t } from "../ui/page.ts";

/** What was typed. */
interface View {
  readonly spec: RunSpec;
}

startPage<ToRunPage, FromRunPage, View>(
  (state, say, memory) => new RunPage({ ...state, spec: memory.before.spec ?? state.spec }, say, memory).hear,
);

type Field = HTMLInputElement | HTMLSelectElement | TextArea | TextField;

class RunPage {
  readonly #say: (message: FromRunPage) => void;
  readonly #fields = new Map<keyof RunSpec, Field>();
  readonly #problem = element("p", { class: "error", role: "alert" });
  readonly #command = element("pre", { tabindex: "0", "aria-label": t("Equivalent command") });
  readonly #form = element("form");
  readonly #memory: Memory<View>;
  #removeAfter: boolean;

  constructor({ spec, replaces }: RunState, say: (message: FromRunPage) => void, memory: Memory<View>) {
    this.#say = say;
    this.#memory = memory;
    this.#removeAfter = spec.removeAfter;
    this.#text("image", t("Image"), spec.image, { list: "images", required: true });
    this.#text("name", t("Name"), spec.name, { hint: t("Empty: the engine makes one up") });
    this.#text("command", t("Command"), spec.command, { hint: t("Empty: the image's own") });
    this.#lines("ports", t("Ports"), spec.ports, t("One a line: 8080:80, 127.0.0.1:8080:80, 53:53/udp"));
    this.#lines("environment", t("Environment"), spec.environment, t("One a line: NAME=value"));
    this.#lines("mounts", t("Mounts"), spec.mounts, t("One a line: volume:/path or /host/path:/path:ro"));
    this.#text("network", t("Network"), spec.network, { list: "networks", hint: t("Empty: the default one") });
    this.#text("memory", t("Memory limit"), spec.memory, { hint: t("512m, 2g; empty: none") });
    this.#text("cpus", t("CPU limit"), spec.cpus, { hint: t("0.5, 2; empty: none") });
    this.#restart(spec.restart);
    this.#text("user", t("User"), spec.user, { hint: t("Empty: the image's own") });
    this.#text("directory", t("Working directory"), spec.directory, { hint: t("Empty: the image's own") });
    if (!replaces) this.#text("platform", t("Platform"), spec.platform ?? "", { hint: t("linux/arm64; empty: the engine's own") });
    this.#row(
      element("span"),
      checkbox(t("Remove when it stops"), spec.removeAfter, (on) => {
        this.#removeAfter = on;
        this.#changed();
      }),
    );
    const actions = element(
      "div",
      { class: "actions" },
      button(replaces ? t("Recreate") : t("Run"), () => this.#form.requestSubmit(), "primary"),
      ...(replaces ? [] : [button(t("Create without Starting"), () => this.#create())]),
      button(t("Save…"), () => this.#say({ type: "save", spec: this.#spec() })),
    );
    this.#row(element("span"), element("div", {}, this.#problem, actions));
    this.#row(element("span"), this.#command);
    this.#form.append(element("datalist", { id: "images" }), element("datalist", { id: "networks" }));
    this.#form.addEventListener("input", () => this.#changed());
    // As in any form; the fields' own elements keep it from the browser.
    this.#form.addEventListener("keydown", (event) => {
      const { target, key, ctrlKey, metaKey } = event;
      if (key !== "Enter" || !(ctrlKey || metaKey || (target as Element).tagName === "VSCODE-TEXT-FIELD")) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say({ type: "run", spec: this.#spec() });
    });
    const heading = replaces ? t("Edit {0}: it is replaced by a container with these options", replaces.name) : t("Run {0}", spec.image);
    document
      .querySelector("main")!
      .replaceChildren(element("div", { class: "toolbar" }, element("h1", {}, heading)), element("div", { class: "scroll" }, this.#form));
    this.#changed();
  }

  hear = (message: ToRunPage): void => {
    if (message.type === "problem" || message.type === "note") this.#problem.textContent = message.text;
    else if (message.type === "command") {
      this.#command.textContent = message.text;
      // What was wrong may be right by now.
      this.#problem.textContent = "";
    } else if (message.type === "choices") {
      this.#choices("images", message.images);
      this.#choices("networks", message.networks);
    }
  };

  #row(label: HTMLElement, content: HTMLElement): void {
    this.#form.append(label, content);
  }

  #field(key: keyof RunSpec, text: string, { input, hint }: { input: Field; hint?: string | undefined }): void {
    input.id = `field-${key}`;
    this.#fields.set(key, input);
    const content = element("div", {}, input);
    if (hint) {
      input.setAttribute("aria-describedby", `hint-${key}`);
      content.append(element("span", { class: "hint", id: `hint-${key}` }, hint));
    }
    this.#row(element("label", { for: input.id }, text), content);
  }

  #text(
    key: keyof RunSpec,
    text: string,
    value: string,
    { hint, ...attributes }: { hint?: string; list?: string; required?: boolean } = {},
  ): void {
    const input = attributes.list
      ? element("input", { type: "text", value, spellcheck: "false", ...attributes })
      : textField(value, { "aria-label": [text, hint].filter(Boolean).join(", "), placeholder: hint });
    this.#field(key, text, { input, hint: attributes.list ? hint : undefined });
  }

  #lines(key: keyof RunSpec, text: string, values: readonly string[], hint: string): void {
    const rows = String(Math.max(2, values.length + 1));
    const input = textArea(values.join("\n"), { rows, "aria-label": `${text}, ${hint}`, placeholder: hint, resize: "vertical" });
    this.#field(key, text, { input });
  }

  #restart(value: RunSpec["restart"]): void {
    const words = { no: t("never"), "on-failure": t("when it fails"), "unless-stopped": t("unless stopped by hand"), always: t("always") };
    const options = Object.entries(words).map(([name, text]) => element("option", { value: name, selected: name === value }, text));
    this.#field("restart", t("Restart"), { input: element("select", {}, ...options) });
  }

  #choices(id: string, values: readonly string[]): void {
    document.getElementById(id)?.replaceChildren(...values.map((value) => element("option", { value })));
  }

  #spec(): RunSpec {
    const text = (key: keyof RunSpec): string => this.#fields.get(key)?.value.trim() ?? "";
    const lines = (key: keyof RunSpec): string[] =>
      text(key)
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean);
    return {
      image: text("image"),
      name: text("name"),
      command: text("command"),
      ports: lines("ports"),
      environment: lines("environment"),
      mounts: lines("mounts"),
      network: text("network"),
      memory: text("memory"),
      cpus: text("cpus"),
      restart: text("restart") as RunSpec["restart"],
      user: text("user"),
      directory: text("directory"),
      removeAfter: this.#removeAfter,
      platform: text("platform"),
    };
  }

  #create(): void {
    if (this.#form.reportValidity()) this.#say({ type: "create", spec: this.#spec() });
  }

  #changed(): void {
    const spec = this.#spec();
    this.#memory.keep({ spec });
    this.#say({ type: "changed", spec });
  }
}
