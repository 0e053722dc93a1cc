import rhea, { type Connection as RheaConnection } from 'rhea';
import { LARGEST_MESSAGE } from '../frame-meter.js';

/** What is put right in rhea 3.0.5, each with its reason: a broker that means no good must not fill this process's memory. */

/** Elements without bytes of their own that one array may claim to have: more is no message. */
const MOST_EMPTY = 65_536;
/** Pieces of one message: each costs an object besides its bytes. */
const MOST_PIECES = 100_000;

interface Type {
  readonly width: number;
}

interface Reader {
  remaining(): number;
  read(): unknown;
  read_value(type: Type): unknown;
}

interface Inside {
  readonly types: {
    readonly Reader: {
      readonly prototype: {
        read_n(this: Reader, count: number): unknown[];
        read_array_items(this: Reader, count: number, type: Type): unknown[];
      };
    };
  };
}

const { prototype } = (rhea as unknown as Inside).types.Reader;

function checkCount(reader: Reader, count: number, most = reader.remaining()): void {
  if (count > most)
    throw new RangeError(`a list or array says that it has ${count} elements, more than there can be`);
}

/** In place of rhea's, which makes room for as many elements as a list claims to have: 32 MB a claim, also one inside the other. */
prototype.read_n = function (count) {
  checkCount(this, count);
  const items: unknown[] = [];
  while (items.length < count) items.push(this.read());
  return items;
};

/** In place of rhea's, which fills memory with up to 4,294,967,295 elements that take no byte: nulls, zeroes, empty lists. */
prototype.read_array_items = function (count, type) {
  checkCount(this, count, type.width === 0 ? MOST_EMPTY : this.remaining());
  const items: unknown[] = [];
  while (items.length < count) items.push(this.read_value(type));
  return items;
};

interface Incomplete {
  readonly frames?: readonly (Buffer | undefined)[];
}

/** rhea keeps the pieces of a message until the last one has come, however many there are. */
export function hasEndlessMessage(connection: RheaConnection): boolean {
  const isEndless = (receiver: unknown): boolean => {
    const { frames } = (receiver as { readonly _incomplete?: Incomplete })._incomplete ?? {};
    if (frames === undefined) return false;
    if (frames.length > MOST_PIECES) return true;
    let bytes = 0;
    for (const frame of frames) bytes += frame?.length ?? 0;
    return bytes > LARGEST_MESSAGE;
  };
  return connection.find_receiver(isEndless as never) !== undefined;
}

/** rhea would go on with what it has read already, after the connection is given up. */
export function readNoMore(connection: RheaConnection): void {
  const { transport } = connection as unknown as { readonly transport?: { read_complete: boolean } };
  if (transport !== undefined) transport.read_complete = true;
}
