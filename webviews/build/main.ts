/** The Build page: the steps of a build on one line of time, with what they printed and why they ran. */
import "./build.css";
import type { BuildPageState, BuildRow, FromBuildPage, ToBuildPage } from "../protocol.ts";
import { link } from "../ui/controls.ts";
import { element, formatBytes, formatDuration, startPage, t } from "../ui/page.ts";

/** A step's log in the page; all of it is in the build's terminal. */
const MOST_LETTERS = 200_000;

startPage<ToBuildPage, FromBuildPage>((state, say) => new BuildPage(state, say).hear);

class BuildPage {
  readonly #say: (message: FromBuildPage) => void;
  readonly #title = element("h1");
  readonly #status = element("span", { class: "quiet", role: "status" });
  readonly #list = element("div", { class: "scroll", role: "list", tabindex: "0", "aria-label": t("Steps") });
  readonly #logs = new Map<string, string>();
  readonly #open = new Set<string>();
  #steps: readonly BuildRow[] = [];
  #startedMs = 0;
  #endedMs: number | undefined;
  #timer: number | undefined;
  #queued = false;
  #pressed = false;

  constructor({ name }: BuildPageState, say: (message: FromBuildPage) => void) {
    this.#say = say;
    this.#title.textContent = t("Build: {0}", name);
    // A button that is made anew between the press and the release would not be clicked.
    this.#list.addEventListener("pointerdown", () => (this.#pressed = true));
    for (const released of ["pointerup", "pointercancel"])
      window.addEventListener(released, () => {
        this.#pressed = false;
        this.#queue();
      });
    document
      .querySelector("main")!
      .replaceChildren(element("div", { class: "toolbar" }, this.#title, element("span", { class: "grow" }), this.#status), this.#list);
  }

  hear = (message: ToBuildPage): void => {
    if (message.type === "build") {
      [this.#startedMs, this.#endedMs] = [message.startedMs, message.endedMs];
      this.#title.textContent = t("Build: {0}", message.title);
      this.#status.textContent = [t(message.status), message.endedMs ? formatDuration(message.endedMs - message.startedMs) : ""]
        .filter(Boolean)
        .join(" · ");
      clearInterval(this.#timer);
      if (!message.endedMs) this.#timer = window.setInterval(() => this.#queue(), 500);
    } else if (message.type === "steps") {
      this.#steps = message.steps;
      for (const { id, state } of message.steps) if (state === "failed") this.#open.add(id);
    } else if (message.type === "log")
      this.#logs.set(message.step, ((this.#logs.get(message.step) ?? "") + message.text).slice(-MOST_LETTERS));
    else if (message.type === "note") this.#status.textContent = message.text;
    this.#queue();
  };

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      if (!this.#pressed) this.#draw();
    });
  }

  #draw(): void {
    // What has the focus is made anew: the focus goes to its heir.
    const focused = document.activeElement?.id;
    const end = this.#endedMs ?? Date.now();
    this.#list.replaceChildren(...this.#steps.map((step) => this.#step(step, end)));
    if (focused) document.getElementById(focused)?.focus();
  }

  #step(step: BuildRow, end: number): HTMLElement {
    const { id, name, state, startedMs, endedMs, addedBytes, why, error } = step;
    const total = Math.max(1, end - this.#startedMs);
    const took = startedMs === undefined ? undefined : (endedMs ?? end) - startedMs;
    const bar = element("div", { class: "bar" });
    if (startedMs === undefined) bar.hidden = true;
    else {
      bar.style.left = `${(100 * (startedMs - this.#startedMs)) / total}%`;
      bar.style.width = `${(100 * took!) / total}%`;
    }
    const head = element(
      "div",
      { class: "head" },
      element("span", { class: "state" }, t(state)),
      element("code", { title: step.instruction }, name),
      element("div", { class: "track", "aria-hidden": "true" }, bar),
      element("span", { class: "number" }, took === undefined || state === "cached" ? "" : formatDuration(took)),
      element("span", { class: "number" }, addedBytes > 0 ? `+${formatBytes(addedBytes)}` : ""),
    );
    const words = [why, error].filter(Boolean).map((text) => element("span", { class: text === error ? "error" : "quiet" }, text));
    const log = this.#logs.get(id);
    const more = element("div", { class: "more" }, ...words, ...this.#actions(step, log));
    const row = element("div", { class: `step ${state}`, role: "listitem" }, head, more);
    if (log && this.#open.has(id))
      row.append(element("pre", { tabindex: "0", role: "region", "aria-label": t("Output of {0}", name) }, log));
    return row;
  }

  #actions({ id, line, shell, state, name }: BuildRow, log: string | undefined): HTMLElement[] {
    const action = (type: Exclude<FromBuildPage["type"], "ready">, text: string): HTMLElement =>
      link(text, () => this.#say({ type, step: id }), { id: `${type}-${id}`, "aria-label": `${text}: ${name}` });
    const toggle = (): void => {
      if (!this.#open.delete(id)) this.#open.add(id);
      this.#draw();
    };
    const words = this.#open.has(id) ? t("Hide output") : t("Show output");
    return [
      ...(log
        ? [link(words, toggle, { id: `toggle-${id}`, "aria-expanded": String(this.#open.has(id)), "aria-label": `${words}: ${name}` })]
        : []),
      ...(line === undefined ? [] : [action("reveal", t("Line {0}", line))]),
      ...(shell && state !== "waiting" && state !== "running"
        ? [action("shell", t("Open shell here")), action("changes", t("Changed files"))]
        : []),
    ];
  }
}
