/** What someone has chosen in a page: filters, times, what is folded out. It outlives a reload of the window and a while in the background. */

/** What the editor keeps for a page, as `acquireVsCodeApi` gives it. */
export interface Keeper {
  getState(): unknown;
  setState(state: unknown): void;
}

export class Memory<View extends object> {
  /** What was chosen before the page came back; empty in a new one. */
  readonly before: Readonly<Partial<View>>;
  readonly #keeper: Keeper;
  readonly #state: object;
  #view: Partial<View>;

  /** @param state what the page is opened on and what brings it back, which is kept from now on */
  constructor(keeper: Keeper, state: object) {
    const kept = (keeper.getState() as { readonly view?: unknown } | null | undefined)?.view;
    this.#keeper = keeper;
    this.#state = state;
    this.before = (typeof kept === "object" && kept !== null ? kept : {}) as Partial<View>;
    this.#view = this.before;
    this.keep({});
  }

  /** The rest stays as it was chosen. */
  keep(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    this.#keeper.setState({ ...this.#state, view: this.#view });
  }
}
