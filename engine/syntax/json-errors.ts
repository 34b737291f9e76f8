/**
 * Go's words for JSON that does not parse, which dockerd hands on: `invalid JSON: invalid character 'b' looking for beginning
 * of object key string`. Only looked at after JSON.parse has failed.
 * @see https://github.com/golang/go/blob/go1.24.3/src/encoding/json/scanner.go
 */

class Trouble extends Error {}

/** The sentence for `text`, which is not JSON. */
export function describeJsonError(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.value("looking for beginning of value");
    scanner.blank();
    return scanner.atEnd ? "invalid JSON" : "unexpected content after JSON";
  } catch (error) {
    return error instanceof Trouble ? `invalid JSON: ${error.message}` : "invalid JSON";
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  blank(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
  }

  value(context: string): void {
    this.blank();
    const char = this.#text[this.#at];
    if (char === "{") this.#list("}", () => this.#member(), "object key:value pair");
    else if (char === "[") this.#list("]", () => this.value("looking for beginning of value"), "array element");
    else if (char === '"') this.#string();
    else if (char !== undefined && /[-\d]/.test(char)) this.#number();
    else if (char !== undefined && "tfn".includes(char)) this.#word({ t: "true", f: "false", n: "null" }[char]!);
    else this.#fail(context);
  }

  #list(close: string, item: () => void, what: string): void {
    this.#at += 1;
    this.blank();
    if (this.#text[this.#at] === close) return void (this.#at += 1);
    for (;;) {
      item();
      this.blank();
      const char = this.#text[this.#at];
      if (char !== close && char !== ",") this.#fail(`after ${what}`);
      this.#at += 1;
      if (char === close) return;
    }
  }

  #member(): void {
    this.blank();
    if (this.#text[this.#at] !== '"') this.#fail("looking for beginning of object key string");
    this.#string();
    this.blank();
    if (this.#text[this.#at] !== ":") this.#fail("after object key");
    this.#at += 1;
    this.value("looking for beginning of value");
  }

  #string(): void {
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined || char < " ") this.#fail("in string literal");
      if (char !== "\\") continue;
      this.#at += 1;
      if (!'"\\/bfnrtu'.includes(this.#text[this.#at] ?? "x")) this.#fail("in string escape code");
      if (this.#text[this.#at] === "u") this.#hex();
    }
    this.#at += 1;
  }

  #hex(): void {
    for (let digit = 0; digit < 4; digit += 1) {
      this.#at += 1;
      if (!/^[\da-fA-F]$/.test(this.#text[this.#at] ?? "")) this.#fail("in \\u hexadecimal character escape");
    }
  }

  #number(): void {
    if (this.#text[this.#at] === "-") this.#at += 1;
    if (this.#text[this.#at] === "0") this.#at += 1;
    else this.#digits("in numeric literal");
    if (this.#text[this.#at] === ".") {
      this.#at += 1;
      this.#digits("after decimal point in numeric literal");
    }
    if (!/[eE]/.test(this.#text[this.#at] ?? "")) return;
    this.#at += 1;
    if (/[-+]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    this.#digits("in exponent of numeric literal");
  }

  #digits(context: string): void {
    if (!/\d/.test(this.#text[this.#at] ?? "")) this.#fail(context);
    while (/\d/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #word(word: string): void {
    for (const char of word) {
      if (this.#text[this.#at] !== char) this.#fail(`in literal ${word} (expecting '${char}')`);
      this.#at += 1;
    }
  }

  #fail(context: string): never {
    const char = this.#text.codePointAt(this.#at);
    if (char === undefined) throw new Trouble("unexpected EOF");
    throw new Trouble(`invalid character ${quote(String.fromCodePoint(char))} ${context}`);
  }
}

function quote(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  return `'${JSON.stringify(char).slice(1, -1)}'`;
}
