/** An expression that may take for ever on one line is tried in a worker, which is ended when it takes too long. */

/** What a batch of lines may take. */
const LIMIT_MS = 2000;

const WORKER = `onmessage = ({ data: { pattern, lines } }) => {
  const expression = new RegExp(pattern, "i");
  postMessage(lines.map((line) => expression.test(line)));
};`;

/** One expression's worker. */
export class SlowPattern {
  readonly #pattern: string;
  #worker: Worker | undefined;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** Which of the lines match; one batch at a time. @returns undefined when it takes too long: nothing more is to be asked then */
  test(lines: readonly string[]): Promise<readonly boolean[] | undefined> {
    const worker = (this.#worker ??= startWorker());
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.end();
        resolve(undefined);
      }, LIMIT_MS);
      worker.addEventListener(
        "message",
        ({ data }: MessageEvent<boolean[]>) => {
          clearTimeout(late);
          resolve(data);
        },
        { once: true },
      );
      worker.postMessage({ pattern: this.#pattern, lines });
    });
  }

  end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function startWorker(): Worker {
  const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  return worker;
}
