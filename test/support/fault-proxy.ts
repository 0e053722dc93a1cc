import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where bytes go: from the bridge to the broker, or back. */
export type Direction = 'toBroker' | 'toBridge';

/** A way to one port of a broker that can be broken in the ways networks break. Every verb is for all connections at once. */
export interface FaultProxy {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** Connections open now. */
  readonly open: number;
  /** Connections taken since the start. */
  readonly taken: number;
  /** Ends all connections with a reset; what was under way is gone. New ones are taken. */
  cut(): void;
  /** Resolves once exactly so many more bytes went by in that direction and all connections were cut behind the last one. */
  cutAfter(direction: Direction, bytes: number): Promise<void>;
  /** No byte and no end goes by any more, on new connections either: in one direction, or in both. */
  hang(direction?: Direction): void;
  /** Whether something with this text waits in that direction, because it hangs. */
  holds(direction: Direction, text: string): boolean;
  /** The end of that direction on each connection: a FIN behind what is under way. The other direction goes on. */
  halfClose(direction: Direction): void;
  /** Each byte takes that many milliseconds more, in each direction. */
  latency(ms: number): void;
  /** So many bytes a second for each connection and direction. */
  throttle(bytesPerSecond: number): void;
  /** New connections are reset at once; open ones stay. */
  refuse(): void;
  /** The end of hanging, latency, throttling and refusing; what was held goes on its way. */
  heal(): void;
  close(): Promise<void>;
}

/** What all connections have in common. */
interface Weather {
  readonly hung: Set<Direction>;
  latency: number;
  bytesPerSecond: number;
  refusing: boolean;
  cutAfter: { readonly direction: Direction; left: number; readonly done: () => void } | undefined;
}

/** Bytes that a direction of a connection holds before its sender has to wait, as the buffers of a network would. */
const MOST_HELD = 1024 * 1024;
/** Parts of a second in which a throttled direction gets its share. */
const SHARES = 20;

/** Called for all that goes by towards the bridge; connections are numbered from 1. */
export type Tap = (connection: number, bytes: Buffer) => void;

/** Takes connections on a free port of 127.0.0.1 and passes them on to `target`, a port there. Close it at the end of the test. */
export async function startFaultProxy(target: number, tap: Tap = () => {}): Promise<FaultProxy> {
  const weather: Weather = {
    hung: new Set(),
    latency: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    refusing: false,
    cutAfter: undefined,
  };
  const links = new Set<Link>();
  let taken = 0;
  const cut = () => {
    for (const link of links) link.cut();
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (bridge) => {
    taken++;
    if (weather.refusing) {
      bridge.on('error', () => {});
      bridge.resetAndDestroy();
      return;
    }
    const connection = taken;
    const link = new Link(bridge, target, weather, cut, (bytes) => tap(connection, bytes));
    links.add(link);
    link.onGone(() => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const forEach = (act: (link: Link) => void) => {
    for (const link of [...links]) act(link);
  };
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return links.size;
    },
    get taken() {
      return taken;
    },
    cut,
    cutAfter: (direction, bytes) =>
      new Promise((done) => {
        weather.cutAfter = { direction, left: bytes, done };
      }),
    hang(direction) {
      for (const each of direction === undefined ? BOTH : [direction]) weather.hung.add(each);
      forEach((link) => link.changed());
    },
    holds: (direction, text) => [...links].some((link) => link.holds(direction, text)),
    halfClose: (direction) => forEach((link) => link.halfClose(direction)),
    latency(ms) {
      weather.latency = ms;
    },
    throttle(bytesPerSecond) {
      weather.bytesPerSecond = bytesPerSecond;
    },
    refuse() {
      weather.refusing = true;
    },
    heal() {
      weather.hung.clear();
      weather.latency = 0;
      weather.bytesPerSecond = Number.POSITIVE_INFINITY;
      weather.refusing = false;
      forEach((link) => link.changed());
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

const BOTH: readonly Direction[] = ['toBroker', 'toBridge'];

/** One connection from the bridge and the one to the broker that belongs to it. */
class Link {
  readonly #sockets: readonly Socket[];
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  #gone: (() => void) | undefined;

  constructor(
    bridge: Socket,
    target: number,
    weather: Weather,
    cutAll: () => void,
    tap: (bytes: Buffer) => void,
  ) {
    const broker = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true });
    this.#sockets = [bridge, broker];
    this.#pipes = {
      toBroker: new Pipe('toBroker', bridge, broker, weather, cutAll, () => {}),
      toBridge: new Pipe('toBridge', broker, bridge, weather, cutAll, tap),
    };
    for (const socket of this.#sockets) {
      // A reset is passed on, unless nothing is to go by.
      socket.on('error', () => {
        if (weather.hung.size === 0) this.cut();
      });
      socket.on('close', () => {
        if (this.#sockets.every(({ destroyed }) => destroyed)) this.#end();
      });
    }
  }

  onGone(callback: () => void): void {
    this.#gone = callback;
  }

  changed(): void {
    if (this.#sockets.some(({ errored }) => errored !== null)) this.cut();
    for (const pipe of Object.values(this.#pipes)) pipe.pump();
  }

  holds(direction: Direction, text: string): boolean {
    return this.#pipes[direction].holds(text);
  }

  halfClose(direction: Direction): void {
    this.#pipes[direction].finish();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#end();
  }

  #end(): void {
    for (const pipe of Object.values(this.#pipes)) pipe.forget();
    this.#gone?.();
    this.#gone = undefined;
  }
}

/** One direction of a connection. */
class Pipe {
  readonly #held: { readonly due: number; readonly bytes: Buffer | 'end' }[] = [];
  #heldBytes = 0;
  #finished = false;
  #timer: NodeJS.Timeout | undefined;
  /** Milliseconds on the monotonic clock, before which a throttled direction has had its share. */
  #next = 0;

  constructor(
    readonly direction: Direction,
    readonly from: Socket,
    readonly to: Socket,
    readonly weather: Weather,
    readonly cutAll: () => void,
    readonly tap: (bytes: Buffer) => void,
  ) {
    from.on('data', (bytes) => this.#hold(bytes));
    from.on('end', () => this.#hold('end'));
    to.on('drain', () => this.pump());
  }

  holds(text: string): boolean {
    return this.#held.some(({ bytes }) => bytes !== 'end' && bytes.includes(text));
  }

  finish(): void {
    this.#hold('end');
  }

  forget(): void {
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#heldBytes = 0;
  }

  pump(): void {
    clearTimeout(this.#timer);
    while (!this.#finished && !this.weather.hung.has(this.direction) && !this.to.writableNeedDrain) {
      const [first] = this.#held;
      if (first === undefined) break;
      const wait = Math.max(first.due, this.#next) - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait);
        break;
      }
      this.#held.shift();
      if (first.bytes === 'end') {
        this.#finished = true;
        this.to.end();
      } else this.#pass(first.due, first.bytes);
    }
    if (this.#finished || this.#heldBytes < MOST_HELD) this.from.resume();
  }

  #hold(bytes: Buffer | 'end'): void {
    if (this.#finished) return;
    this.#held.push({ due: performance.now() + this.weather.latency, bytes });
    if (bytes !== 'end') this.#heldBytes += bytes.length;
    if (this.#heldBytes >= MOST_HELD) this.from.pause();
    this.pump();
  }

  /** As much as may go now; the rest stays in front. */
  #pass(due: number, bytes: Buffer): void {
    const { weather, direction } = this;
    const share = Math.ceil(weather.bytesPerSecond / SHARES);
    const limit = weather.cutAfter?.direction === direction ? weather.cutAfter : undefined;
    const now = bytes.subarray(0, Math.min(bytes.length, share, limit?.left ?? bytes.length));
    if (now.length < bytes.length) this.#held.unshift({ due, bytes: bytes.subarray(now.length) });
    this.#heldBytes -= now.length;
    this.tap(now);
    this.#next = performance.now() + (now.length / weather.bytesPerSecond) * 1000;
    if (limit === undefined) {
      this.to.write(now);
      return;
    }
    limit.left -= now.length;
    if (limit.left > 0) {
      this.to.write(now);
      return;
    }
    weather.cutAfter = undefined;
    this.#finished = true;
    // Written out first: a reset takes along what is not.
    this.to.write(now, () => {
      this.cutAll();
      limit.done();
    });
  }
}
