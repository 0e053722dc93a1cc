/** One packet whose acknowledgement is held. */
export interface HeldAck {
  /** Says that it may leave; it does when every older one has left. */
  ready(): void;
}

interface Slot {
  readonly packet: Buffer;
  ready: boolean;
}

/**
 * Holds acknowledgements apart from reading, and lets them leave in arrival order only (MQTT 3.1.1 section 4.6 asks for
 * that order), in one write a turn. Memory: bounded by the source's credit, 4 bytes of packet each.
 */
export class AckQueue {
  readonly #write: (bytes: Buffer) => void;
  #slots: Slot[] = [];
  #scheduled = false;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** Takes the place of a packet that just arrived; `packet` is what will acknowledge it. */
  hold(packet: Buffer): HeldAck {
    const slot: Slot = { packet, ready: false };
    this.#slots.push(slot);
    return {
      ready: () => {
        slot.ready = true;
        if (this.#slots[0] !== slot || this.#scheduled) return;
        this.#scheduled = true;
        setImmediate(() => this.flush());
      },
    };
  }

  /** Writes what may leave now. */
  flush(): void {
    this.#scheduled = false;
    const open = this.#slots.findIndex((slot) => !slot.ready);
    const leaving = this.#slots.splice(0, open === -1 ? this.#slots.length : open);
    if (leaving.length > 0) this.#write(Buffer.concat(leaving.map(({ packet }) => packet)));
  }

  get size(): number {
    return this.#slots.length;
  }
}

/** A PUBACK (MQTT 3.1.1 section 3.4). */
export function puback(packetId: number): Buffer {
  return Buffer.from([0x40, 2, packetId >> 8, packetId & 0xff]);
}

/** A PUBREC (MQTT 3.1.1 section 3.5). */
export function pubrec(packetId: number): Buffer {
  return Buffer.from([0x50, 2, packetId >> 8, packetId & 0xff]);
}
