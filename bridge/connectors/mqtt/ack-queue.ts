import { Fifo } from './fifo.js';

/** What answers a PUBLISH: PUBACK for QoS 1, PUBREC for QoS 2. */
export interface Ack {
  readonly qos: 1 | 2;
  readonly packetId: number;
}

/** One held acknowledgement; give it back to `release`. */
export interface HeldAck extends Ack {
  released: boolean;
}

/**
 * Holds acknowledgements until their messages are safe and lets them leave in the order in which the messages arrived
 * (MQTT 3.1.1, 4.6), whatever the order of release. Bounded by the owner, which holds one for each message it handed over.
 */
export class AckQueue {
  readonly #held = new Fifo<HeldAck>();

  /** Acknowledgements that have not left, released or not. */
  get length(): number {
    return this.#held.length;
  }

  /** Call it in arrival order. */
  hold(qos: 1 | 2, packetId: number): HeldAck {
    const ack = { qos, packetId, released: false };
    this.#held.push(ack);
    return ack;
  }

  /** True when something may leave now. */
  release(ack: HeldAck): boolean {
    ack.released = true;
    return this.#held.peek()?.released === true;
  }

  /** Takes out all that may leave, oldest first: the released ones that have no unreleased one before them. */
  takeReleased(): Ack[] {
    const leaving: Ack[] = [];
    while (this.#held.peek()?.released === true) {
      const ack = this.#held.shift();
      if (ack !== undefined) leaving.push(ack);
    }
    return leaving;
  }

  /** Forgets everything: acknowledgements of a dead connection mean other messages on the next one. */
  clear(): void {
    this.#held.clear();
  }
}

/** First byte of the packet (MQTT 3.1.1, 3.4.1 and 3.5.1); without a reason code it means success in MQTT 5, too (3.4.2.1). */
const FIRST_BYTE = { 1: 0x40, 2: 0x50 } as const;
const REMAINING_LENGTH = 2;
const PACKET_SIZE = 4;

/** All of them as one piece, for one write: a socket write a packet costs more than everything else about it. */
export function encodeAcks(acks: readonly Ack[]): Buffer {
  const bytes = Buffer.allocUnsafe(acks.length * PACKET_SIZE);
  acks.forEach(({ qos, packetId }, index) => {
    const at = index * PACKET_SIZE;
    bytes[at] = FIRST_BYTE[qos];
    bytes[at + 1] = REMAINING_LENGTH;
    bytes.writeUInt16BE(packetId, at + 2);
  });
  return bytes;
}
