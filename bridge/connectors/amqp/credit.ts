/**
 * New credit is told once it is one of so many parts of all that is under way, or the broker has none left. For each flow frame Classic looks
 * through its queue for what it may send (AmqpSender.flow of 6.1.8): with a frame for every few messages a route from a queue to MQTT is a third slower
 * (bench/RESULTS.md).
 */
const PARTS_UNDER_WAY = 4;

/** What a receiver may still be sent, and how much of that the broker knows of. */
export class Credit {
  #known = 0;
  #due = 0;

  /** What the broker has been told and has not used yet; below zero when it has sent more. */
  get known(): number {
    return this.#known;
  }

  /** The broker is to be told of this much more, in good time. */
  grant(credit: number): void {
    this.#due += credit;
  }

  /** A message has come. */
  use(): void {
    this.#known--;
  }

  /** How much to tell now, with so many deliveries unsettled; it counts as told. */
  takeDue(unsettled: number): number {
    const underWay = unsettled + this.#known + this.#due;
    return this.#known <= 0 || this.#due * PARTS_UNDER_WAY >= underWay ? this.takeAll() : 0;
  }

  /** All that is still to be told; it counts as told. */
  takeAll(): number {
    const due = this.#due;
    this.#due = 0;
    this.#known += due;
    return due;
  }

  /** Nothing more is to be told. */
  revoke(): void {
    this.#due = 0;
  }

  /** The broker has given back what it had. */
  returned(): void {
    this.#known = 0;
  }
}
