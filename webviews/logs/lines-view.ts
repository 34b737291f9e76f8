/**
 * A list of any number of lines of which only those in sight are in the page. All rows have the same height, or, when they are
 * wrapped, about a multiple of it: the font is a fixed one, so the number of its letters says how high a line is, nearly. What is
 * drawn stands one below the other as it is, so a wrong guess moves the scroll bar a little and never lays lines over each other.
 */

export interface LinesViewOptions {
  /** The element of a row. */
  readonly draw: (index: number) => HTMLElement;
  /** How many letters a row shows. */
  readonly length: (index: number) => number;
  /** How many letters stand before those that are wrapped. */
  readonly indent: () => number;
  /** Somebody has scrolled: to the end, or away from it. */
  readonly onScroll: (toEnd: boolean) => void;
}

const SPARE_ROWS = 20;
/** Browsers stop counting somewhere above this many pixels. */
const MOST_PIXELS = 16_000_000;

export class LinesView {
  readonly element: HTMLElement;
  readonly #inner: HTMLElement;
  readonly #page: HTMLElement;
  readonly #options: LinesViewOptions;
  #count = 0;
  #rowHeight = 18;
  #letterWidth = 8;
  #wrap = false;
  /** Whether the last line stays in sight. */
  #following = true;
  /** First row of each line, and the number of all rows behind the last; only while wrapped. */
  #starts: number[] = [0];
  /** Lines that are in the page: those in between stay as they are, with what is selected in them. */
  #first = 0;
  #end = 0;
  #queued = false;
  #stale = false;
  #lastTop = 0;

  constructor(element: HTMLElement, options: LinesViewOptions) {
    this.element = element;
    this.#options = options;
    this.#page = document.createElement("div");
    this.#page.className = "page";
    this.#inner = document.createElement("div");
    this.#inner.className = "inner";
    this.#inner.append(this.#page);
    element.append(this.#inner);
    this.#measure();
    element.addEventListener("scroll", () => this.#scrolled());
    new ResizeObserver(() => this.reset(this.#count)).observe(element);
  }

  /** Letters that have room beside each other. */
  get columns(): number {
    return Math.max(20, Math.floor((this.element.clientWidth - 24) / this.#letterWidth));
  }

  /** Lines were added at the end; those before them are the same. */
  grow(count: number): void {
    const from = this.#count;
    this.#count = count;
    if (this.#wrap) this.#place(from);
    this.#queue();
  }

  /** All lines may be others. */
  reset(count: number): void {
    this.#count = count;
    this.#measure();
    this.#starts = [0];
    // What is seen stays until the next frame: in between would be an empty page.
    this.#stale = true;
    if (this.#wrap) this.#place(0);
    this.#queue();
  }

  set wrap(on: boolean) {
    this.#wrap = on;
    this.element.classList.toggle("wrap", on);
    this.reset(this.#count);
  }

  set following(on: boolean) {
    this.#following = on;
    if (on) this.#queue();
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const left = scrollHeight - scrollTop - clientHeight;
    if (this.#following && scrollTop < this.#lastTop && left > this.#rowHeight * 2) this.#options.onScroll(false);
    else if (!this.#following && scrollTop > this.#lastTop && left < 2) this.#options.onScroll(true);
    this.#lastTop = scrollTop;
    this.#queue();
  }

  #measure(): void {
    const probe = document.createElement("span");
    probe.className = "probe";
    probe.textContent = "x".repeat(100);
    this.#inner.append(probe);
    const { width, height } = probe.getBoundingClientRect();
    probe.remove();
    if (width > 0) [this.#letterWidth, this.#rowHeight] = [width / 100, Math.ceil(height)];
    this.element.style.setProperty("--row", `${this.#rowHeight}px`);
  }

  #place(from: number): void {
    const columns = this.columns;
    const indent = this.#options.indent();
    // What stands in front has a column of its own only where there is room: see the style sheet.
    const [before, room] = matchMedia("(max-width: 560px)").matches ? [indent, columns] : [0, Math.max(10, columns - indent)];
    for (let index = from; index < this.#count; index++)
      this.#starts[index + 1] = this.#starts[index]! + Math.max(1, Math.ceil((before + this.#options.length(index)) / room));
  }

  #rows(): number {
    return this.#wrap ? this.#starts[this.#count]! : this.#count;
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
    });
  }

  #draw(): void {
    const pixels = this.#rows() * this.#rowHeight;
    const height = Math.min(pixels, MOST_PIXELS);
    this.#inner.style.height = `${height}px`;
    const { clientHeight } = this.element;
    if (this.#following) this.element.scrollTop = this.element.scrollHeight;
    const { scrollTop } = this.element;
    // Above some number of rows each pixel of the scroll bar stands for several.
    const scale = pixels > MOST_PIXELS ? (pixels - clientHeight) / (height - clientHeight) : 1;
    const top = scrollTop * scale;
    const topRow = Math.max(0, Math.floor(top / this.#rowHeight) - SPARE_ROWS);
    const bottomRow = topRow + Math.ceil(clientHeight / this.#rowHeight) + 2 * SPARE_ROWS;
    const first = this.#lineAt(topRow);
    this.#show(first, this.#wrap ? Math.min(this.#count, this.#lineAt(bottomRow) + 1) : Math.min(this.#count, bottomRow));
    const row = this.#wrap ? this.#starts[first]! : first;
    this.#page.style.transform = `translateY(${row * this.#rowHeight + scrollTop - top}px)`;
    // Wrapped lines may be higher or lower than was thought.
    if (this.#wrap && scale === 1 && this.#end === this.#count)
      this.#inner.style.height = `${row * this.#rowHeight + this.#page.offsetHeight}px`;
    if (this.#following && this.#wrap) this.element.scrollTop = this.element.scrollHeight;
    this.#lastTop = this.element.scrollTop;
  }

  /** Puts these lines into the page, and leaves those that are there. */
  #show(first: number, end: number): void {
    if (this.#stale || first >= this.#end || end <= this.#first) this.#clear(first);
    this.#stale = false;
    for (; this.#first < first; this.#first++) this.#page.firstChild!.remove();
    for (; this.#end > end; this.#end--) this.#page.lastChild!.remove();
    const drawn = (from: number, to: number): HTMLElement[] =>
      Array.from({ length: Math.max(0, to - from) }, (_, at) => this.#options.draw(from + at));
    this.#page.prepend(...drawn(first, this.#first));
    this.#page.append(...drawn(this.#end, end));
    [this.#first, this.#end] = [first, Math.max(end, first)];
  }

  #clear(first = 0): void {
    this.#page.replaceChildren();
    [this.#first, this.#end] = [first, first];
  }

  #lineAt(row: number): number {
    if (!this.#wrap) return Math.min(row, this.#count);
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= row) low = middle;
      else high = middle - 1;
    }
    return Math.min(low, Math.max(this.#count - 1, 0));
  }
}
