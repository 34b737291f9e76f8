/** The Image page: layers with their instruction and files, and what the image carries twice. */
import "./image.css";
import type { FromImagePage, ImageState, LayerFile, LayerRow, ToImagePage } from "../protocol.ts";
import { checkbox, link, textField } from "../ui/controls.ts";
import type { Memory } from "../ui/memory.ts";
import { element, formatBytes, startPage, t } from "../ui/page.ts";
import { Roving } from "../ui/roving.ts";

type Layers = Extract<ToImagePage, { type: "layers" }>;
type Kind = LayerFile["kind"];

const kindWords = (): Readonly<Record<Kind, string>> => ({ added: t("added"), changed: t("changed"), removed: t("removed") });

/** What was chosen. */
interface View {
  readonly pattern: string;
  readonly kinds: readonly Kind[];
  /** Ids of the layers whose files are shown. */
  readonly open: readonly string[];
}

startPage<ToImagePage, FromImagePage, View>((state, say, memory) => new ImagePage(state, say, memory).hear);

class ImagePage {
  readonly #say: (message: FromImagePage) => void;
  readonly #page = element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("Layers") },
    element("p", { class: "quiet" }, t("Reading the layers…")),
  );
  readonly #kinds: Set<Kind>;
  readonly #memory: Memory<View>;
  readonly #roving = new Roving(this.#page, { items: "summary, .files button", sideways: turn });
  readonly #state: ImageState;
  #pattern: string;
  #layers: Layers | undefined;

  constructor(state: ImageState, say: (message: FromImagePage) => void, memory: Memory<View>) {
    this.#say = say;
    this.#state = state;
    this.#memory = memory;
    this.#kinds = new Set(memory.before.kinds ?? ["added", "changed", "removed"]);
    this.#pattern = memory.before.pattern ?? "";
    const search = textField(this.#pattern, {
      id: "files",
      "aria-label": t("Filter files"),
      placeholder: t("Filter files (regular expression)"),
    });
    search.addEventListener("input", () => {
      this.#pattern = search.value;
      memory.keep({ pattern: this.#pattern });
      this.#draw();
    });
    const kinds = (["added", "changed", "removed"] as const).map((kind) =>
      checkbox(kindWords()[kind], this.#kinds.has(kind), (on) => {
        if (on) this.#kinds.add(kind);
        else this.#kinds.delete(kind);
        memory.keep({ kinds: [...this.#kinds] });
        this.#draw();
      }),
    );
    document
      .querySelector("main")!
      .replaceChildren(element("div", { class: "toolbar" }, element("h1", {}, t("Image: {0}", state.name)), search, ...kinds), this.#page);
  }

  hear = (message: ToImagePage): void => {
    if (message.type === "note") this.#page.replaceChildren(element("p", { class: "error", role: "alert" }, message.text));
    else if (message.type === "layers") {
      this.#layers = message;
      this.#draw();
    }
  };

  #draw(): void {
    if (!this.#layers) return;
    const { layers, without, efficiency, wastedBytes, wasted } = this.#layers;
    const total = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const number = (name: string, value: string): HTMLElement => element("div", {}, element("dt", {}, name), element("dd", {}, value));
    const drawn = this.#page.querySelector("details") !== null;
    const open = new Set(drawn ? this.#open() : this.#memory.before.open);
    this.#page.replaceChildren(
      element(
        "dl",
        { class: "numbers" },
        number(t("Size"), formatBytes(total)),
        number(t("Layers"), String(layers.length)),
        ...(without === undefined
          ? [number(t("Efficiency"), `${(efficiency * 100).toFixed(1)} %`), number(t("Wasted"), formatBytes(wastedBytes))]
          : []),
      ),
      ...(without === undefined ? [] : [element("p", { class: "quiet" }, without)]),
      element("h2", {}, t("Layers")),
      ...(layers.length === 0 ? [element("p", { class: "quiet" }, t("None: the image is nothing but its settings"))] : []),
      ...layers.map((layer) =>
        this.#layer(layer, { total, open: open.has(`layer-${layer.number}`) || (open.size === 0 && layer.number === this.#state.layer) }),
      ),
      ...(wasted.length > 0
        ? [element("h2", { class: "wasted" }, t("In the image more than once, or removed later")), this.#wasted(wasted)]
        : []),
    );
    this.#roving.settle();
  }

  /** Ids of the layers whose files are shown. */
  #open(): string[] {
    return [...this.#page.querySelectorAll<HTMLElement>("details[open]")].map(({ id }) => id);
  }

  #layer(layer: LayerRow, { total, open }: { total: number; open: boolean }): HTMLElement {
    const { number, instruction, sizeBytes, files } = layer;
    const passes = this.#passes();
    const found = files.filter(passes);
    const count = (kind: Kind): number => found.filter((file) => file.kind === kind).length;
    const words = [
      { number: count("added"), text: t("{0} added", count("added")) },
      { number: count("changed"), text: t("{0} changed", count("changed")) },
      { number: count("removed"), text: t("{0} removed", count("removed")) },
    ].flatMap((each) => (each.number > 0 ? [each.text] : []));
    const bar = element("span", { class: "bar" });
    bar.style.width = `${(100 * sizeBytes) / Math.max(total, 1)}%`;
    const summary = element(
      "summary",
      {},
      element("span", { class: "quiet order" }, String(number)),
      element("code", {}, instruction),
      element("span", { class: "quiet" }, words.join(", ")),
      element("span", { class: "track", "aria-hidden": "true" }, bar),
      element("span", { class: "size" }, formatBytes(sizeBytes)),
    );
    const details = element("details", { class: "layer", id: `layer-${number}`, open }, summary);
    // A layer may have thousands of files: they are made when they are looked at.
    const fill = (): void => {
      if (details.open && details.childElementCount === 1) details.append(this.#files(layer));
    };
    details.addEventListener("toggle", () => {
      fill();
      if (details.isConnected) this.#memory.keep({ open: this.#open() });
      this.#roving.settle();
    });
    fill();
    return details;
  }

  #files({ number, files, more }: LayerRow): HTMLElement {
    const passes = this.#passes();
    const words = kindWords();
    const rows = files.filter(passes).map(({ path, kind, sizeBytes, directory }) =>
      element(
        "li",
        {},
        element("span", { class: `kind ${kind}` }, words[kind]),
        directory
          ? element("span", { class: "grow directory" }, `${path}/`)
          : link(path, () => this.#say({ type: "open", layer: number, path, kind }), {
              class: "grow",
              title: kind === "changed" ? t("Compare with the layer below") : t("Open"),
            }),
        element("span", { class: "size" }, sizeBytes > 0 ? formatBytes(sizeBytes) : ""),
      ),
    );
    if (more > 0) rows.push(element("li", { class: "quiet" }, t("… {0} more", more)));
    return rows.length > 0
      ? element("ul", { class: "files" }, ...rows)
      : element("p", { class: "quiet" }, this.#layers?.without ?? t("No file"));
  }

  #passes(): (file: LayerFile) => boolean {
    try {
      const pattern = new RegExp(this.#pattern, "i");
      return ({ kind, path }) => this.#kinds.has(kind) && pattern.test(path);
    } catch {
      return ({ kind, path }) => this.#kinds.has(kind) && path.includes(this.#pattern);
    }
  }

  #wasted(wasted: Layers["wasted"]): HTMLElement {
    const head = element(
      "tr",
      {},
      element("th", { scope: "col" }, t("Path")),
      element("th", { scope: "col", class: "number" }, t("Times")),
      element("th", { scope: "col", class: "number" }, t("Wasted")),
    );
    const rows = wasted.map(({ path, times, sizeBytes }) =>
      element(
        "tr",
        {},
        element("td", {}, path),
        element("td", { class: "number" }, String(times)),
        element("td", { class: "number" }, formatBytes(sizeBytes)),
      ),
    );
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  }
}

/** As in a tree: → opens a layer, ← closes it, or goes from a file to its layer. */
function turn(item: HTMLElement, key: "ArrowLeft" | "ArrowRight"): boolean {
  const layer = item.closest("details");
  if (!layer) return false;
  const onLayer = item.tagName === "SUMMARY";
  if (!onLayer && key === "ArrowLeft") layer.querySelector("summary")!.focus();
  else if (!onLayer || layer.open === (key === "ArrowRight")) return false;
  else layer.open = key === "ArrowRight";
  return true;
}
