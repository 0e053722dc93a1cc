/** How much of a program's output is kept to explain its end. */
const LINES = 200;
const LINE_LENGTH = 1000;

/** Cuts a stream of text into lines, hands each on, and remembers the last ones; what it keeps is bounded. */
export class LastLines {
  readonly #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #partial = '';

  constructor(onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine;
  }

  add(text: string): void {
    const parts = (this.#partial + text).split(/\r?\n/);
    this.#partial = (parts.pop() ?? '').slice(0, LINE_LENGTH);
    for (const part of parts) this.#keep(part.slice(0, LINE_LENGTH));
  }

  /** The last lines, oldest first, an unfinished one included. */
  last(count: number): string[] {
    const all = this.#partial === '' ? this.#lines : [...this.#lines, this.#partial];
    return all.slice(-count);
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES) this.#lines.shift();
    this.#onLine(line);
  }
}
