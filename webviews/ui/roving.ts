/**
 * Many controls of a list as one stop of the Tab key: the arrows go from one to the next, as in the editor's own lists.
 * @see https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex
 */

export interface RovingOptions {
  /** The controls, in the order in which they stand. */
  readonly items: string;
  /** What ↑ and ↓ go by, such as a row with several controls; without it they go by controls, as ← and → do. */
  readonly group?: string;
  /** Takes ← and → itself where it says so. */
  readonly sideways?: (item: HTMLElement, key: "ArrowLeft" | "ArrowRight") => boolean;
}

export class Roving {
  readonly #list: HTMLElement;
  readonly #options: RovingOptions;
  #current: HTMLElement | undefined;

  constructor(list: HTMLElement, options: RovingOptions) {
    this.#list = list;
    this.#options = options;
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("focusin", ({ target }) => {
      if ((target as HTMLElement).matches(options.items)) this.#take(target as HTMLElement);
    });
  }

  /** After controls have come or gone. */
  settle(): void {
    const items = this.#items();
    for (const item of items) if (item.tabIndex !== -1) item.tabIndex = -1;
    if (!this.#current?.isConnected) this.#current = items[0];
    if (this.#current) this.#current.tabIndex = 0;
  }

  #items(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>(this.#options.items)];
  }

  #take(item: HTMLElement): void {
    if (this.#current && this.#current !== item) this.#current.tabIndex = -1;
    this.#current = item;
    item.tabIndex = 0;
  }

  #pressed(event: KeyboardEvent): void {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || !target.matches(this.#options.items)) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const isSideways = key === "ArrowLeft" || key === "ArrowRight";
    if (isSideways && this.#options.sideways?.(target, key)) return event.preventDefault();
    const next = this.#next(target, key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  #next(item: HTMLElement, key: string): HTMLElement | undefined {
    const items = this.#items();
    const at = items.indexOf(item);
    switch (key) {
      case "Home":
        return items[0];
      case "End":
        return items.at(-1);
      case "ArrowLeft":
        return items[at - 1];
      case "ArrowRight":
        return items[at + 1];
      case "ArrowUp":
        return this.#options.group ? this.#beyond(items, item, -1) : items[at - 1];
      case "ArrowDown":
        return this.#options.group ? this.#beyond(items, item, 1) : items[at + 1];
      default:
        return undefined;
    }
  }

  /** The control of the row above or below that stands where this one does, else its last. */
  #beyond(items: readonly HTMLElement[], item: HTMLElement, step: 1 | -1): HTMLElement | undefined {
    const groupOf = (one: HTMLElement): Element | null => one.closest(this.#options.group!);
    const rows = [...new Set(items.map(groupOf))];
    const row = rows[rows.indexOf(groupOf(item)) + step];
    const within = (group: Element | null | undefined): HTMLElement[] => items.filter((one) => groupOf(one) === group);
    const others = row === undefined ? [] : within(row);
    return others[Math.min(within(groupOf(item)).indexOf(item), others.length - 1)];
  }
}
