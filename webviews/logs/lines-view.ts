/**
 * A list of any number of lines of which only those in sight are in the page. All rows have the same height, or, when they are
 * wrapped, a multiple of it: the font is a fixed one, so the number of its letters says how high a line is.
 */

export interface LinesViewOptions {
  /** How many letters a row shows, and the element of a row. */
  readonly draw: (index: number) => HTMLElement;
  readonly length: (index: number) => number;
  readonly onScroll: (atEnd: boolean) => void;
}

const SPARE_ROWS = 20;
/** Browsers stop counting somewhere above this many pixels. */
const MOST_PIXELS = 16_000_000;

export class LinesView {
  readonly element: HTMLElement;
  readonly #inner: HTMLElement;
  readonly #options: LinesViewOptions;
  #count = 0;
  #rowHeight = 18;
  #letterWidth = 8;
  #wrap = false;
  /** First row of each line, and the number of all rows behind the last; only while wrapped. */
  #starts: number[] = [0];
  #queued = false;

  constructor(element: HTMLElement, options: LinesViewOptions) {
    this.element = element;
    this.#options = options;
    this.#inner = document.createElement("div");
    this.#inner.className = "inner";
    element.append(this.#inner);
    this.#measure();
    element.addEventListener("scroll", () => {
      options.onScroll(this.atEnd);
      this.#queue();
    });
    new ResizeObserver(() => this.reset(this.#count)).observe(element);
  }

  get atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < this.#rowHeight * 2;
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
    if (this.#wrap) this.#place(0);
    this.#queue();
  }

  set wrap(on: boolean) {
    this.#wrap = on;
    this.element.classList.toggle("wrap", on);
    this.reset(this.#count);
  }

  toEnd(): void {
    this.#resize();
    this.element.scrollTop = this.element.scrollHeight;
  }

  #measure(): void {
    const probe = document.createElement("span");
    probe.className = "probe";
    probe.textContent = "x".repeat(100);
    this.#inner.append(probe);
    const { width, height } = probe.getBoundingClientRect();
    probe.remove();
    if (width > 0) [this.#letterWidth, this.#rowHeight] = [width / 100, Math.ceil(height)];
  }

  #place(from: number): void {
    const columns = Math.max(20, Math.floor((this.element.clientWidth - 24) / this.#letterWidth));
    for (let index = from; index < this.#count; index++)
      this.#starts[index + 1] = this.#starts[index]! + Math.max(1, Math.ceil(this.#options.length(index) / columns));
  }

  #rows(): number {
    return this.#wrap ? this.#starts[this.#count]! : this.#count;
  }

  /** One for a list that fits; above one, each pixel of the scroll bar stands for several. */
  #scale(): number {
    return Math.max(1, (this.#rows() * this.#rowHeight) / MOST_PIXELS);
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
    });
  }

  #resize(): void {
    this.#inner.style.height = `${(this.#rows() * this.#rowHeight) / this.#scale()}px`;
  }

  #draw(): void {
    this.#resize();
    const { scrollTop, clientHeight } = this.element;
    const scale = this.#scale();
    const topRow = Math.max(0, Math.floor((scrollTop * scale) / this.#rowHeight) - SPARE_ROWS);
    const rows = Math.ceil(clientHeight / this.#rowHeight) + 2 * SPARE_ROWS;
    const first = this.#lineAt(topRow);
    const page = document.createDocumentFragment();
    let row = this.#wrap ? this.#starts[first]! : first;
    const shift = scrollTop - scrollTop * scale;
    for (let index = first; index < this.#count && row < topRow + rows; index++) {
      const line = this.#options.draw(index);
      line.style.transform = `translateY(${row * this.#rowHeight + shift}px)`;
      line.style.lineHeight = `${this.#rowHeight}px`;
      page.append(line);
      row = this.#wrap ? this.#starts[index + 1]! : row + 1;
    }
    this.#inner.replaceChildren(page);
  }

  #lineAt(row: number): number {
    if (!this.#wrap) return Math.min(row, this.#count);
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
