/**
 * Looks at what a peer sends before a client library keeps it, and says what is wrong with it: the libraries wait for as many bytes
 * as a frame claims to have, up to 4 GiB.
 */
export type FrameMeter = (chunk: Buffer) => string | undefined;

/**
 * Bytes of one message with all that belongs to it: the most that an MQTT packet can have (MQTT 3.1.1, 2.2.3), and Artemis takes messages nearly
 * as large as they come. A lower limit would end a connection over a message that its broker hands over again and again.
 */
export const LARGEST_MESSAGE = 268_435_455;

/** Bytes of one AMQP frame, as the bridge tells the broker (AMQP 1.0, 2.4.1): a larger message comes in several. */
export const AMQP_FRAME = 1024 * 1024;

const MOST_LENGTH_BYTES = 4;

/** MQTT 3.1.1, 2.2: a byte, then the length of the rest in one to four bytes of seven bits each, the lowest first. */
export function mqttMeter(): FrameMeter {
  /** Bytes of the packet that are still to come. */
  let rest = 0;
  /** Bytes of its length that have come; undefined before its first byte. */
  let lengthBytes: number | undefined;
  let length = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (rest > 0) {
        const taken = Math.min(rest, chunk.length - at);
        rest -= taken;
        at += taken;
        if (rest > 0) return undefined;
        lengthBytes = undefined;
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (lengthBytes === undefined) {
        lengthBytes = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** lengthBytes++;
      if (byte >= 0x80) {
        if (lengthBytes === MOST_LENGTH_BYTES) return 'the length of an MQTT packet has more than four bytes';
        continue;
      }
      rest = length;
      length = 0;
      if (rest === 0) lengthBytes = undefined;
    }
    return undefined;
  };
}

/** The first four bytes of a protocol header (AMQP 1.0, 2.2), which stands where a frame's size would. */
const PROTOCOL_HEADER = 0x414d5150;
const HEADER_BYTES = 8;
/** A frame's own header (AMQP 1.0, 2.3.1). */
const LEAST_FRAME = 8;

/** AMQP 1.0, 2.3: four bytes of size, which count themselves, then the rest of the frame. */
export function amqpMeter(): FrameMeter {
  /** Bytes of the frame or header that are still to come. */
  let rest = 0;
  let size = 0;
  let sizeBytes = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (rest > 0) {
        const taken = Math.min(rest, chunk.length - at);
        rest -= taken;
        at += taken;
        continue;
      }
      size = size * 256 + (chunk[at++] ?? 0);
      if (++sizeBytes < 4) continue;
      if (size === PROTOCOL_HEADER) size = HEADER_BYTES;
      if (size < LEAST_FRAME) return `an AMQP frame says that it has ${size} bytes, less than its own header`;
      if (size > AMQP_FRAME)
        return `an AMQP frame of ${size} bytes is larger than the ${AMQP_FRAME} bytes that were agreed on`;
      rest = size - 4;
      size = 0;
      sizeBytes = 0;
    }
    return undefined;
  };
}
