import { setMaxListeners } from 'node:events';
import type { Delivery, Sink, Transaction } from '../connectors/connector.js';
import { asBridgeError, type BridgeError } from '../errors.js';
import type { ShortWay } from './short-way.js';

/**
 * Acknowledgements in transactions after which a connection is worn. Classic keeps them all for as long as their subscription lives and looks
 * through them at each commit (StompSubscription.onStompCommit of 6.1.8): it gets ever slower, and ends without memory.
 */
const WORN = 1_000;
/** After which it is not even used until nothing happens to be on its way. */
const WORN_OUT = 2_000;

export interface TransactionsOptions {
  /** Called when the broker does not answer: only the end of the connection undoes what is in doubt. */
  readonly replaceConnection: () => void;
  /** Called each time nothing waits for a message any more that cannot go anywhere. */
  readonly onAside: () => void;
}

/** How one delivery goes. */
export interface Way extends ShortWay {
  /** True once it was accepted in the transaction in which it was sent. */
  readonly isSettled: boolean;
  /** To be called when nothing more happens for the delivery. */
  end(): void;
}

/**
 * The short way of messages whose destinations are on the broker that they came from: sent and accepted in one transaction over the
 * source's own connection, so that nothing can be lost or come twice between the two. When the broker refuses a transaction,
 * it does not say which message was meant: all that were under way then take the long way, through the lanes, which find the one.
 * The short way is open again once these are settled, so that nothing is overtaken.
 */
export class Transactions {
  readonly #options: TransactionsOptions;
  #sink: Sink | undefined;
  /** Messages whose way has not ended. */
  #underWay = 0;
  /** Messages that are still to come and to take the long way, and those that are on it. */
  #toLanes = 0;
  #onLanes = 0;
  /** Messages that nothing waits for: see `ShortWay.standAside`. */
  #aside = 0;
  /** Given when the connection at hand is gone. */
  #gone = newGone();
  /** Over the connection at hand. */
  #acknowledged = 0;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** The sink of a fresh connection. */
  open(sink: Sink): void {
    this.#sink = sink;
    this.#acknowledged = 0;
  }

  /** Its connection is gone: what stands aside comes again over the next one, as a rule before all others, and may be refused as before. */
  lose(): void {
    this.#sink = undefined;
    this.#toLanes = Math.max(this.#toLanes, this.#aside);
    this.#gone.abort();
    this.#gone = newGone();
  }

  /** Messages that wait without anything waiting for them. */
  get aside(): number {
    return this.#aside;
  }

  /** True while no more should be taken from the source: the short way opens when the long one is empty. */
  get isChangingBack(): boolean {
    return this.#onLanes > 0 && this.#toLanes === 0;
  }

  /** True when the connection should be renewed as soon as nothing is on its way. */
  get isWorn(): boolean {
    return this.#sink !== undefined && this.#acknowledged >= WORN;
  }

  /** True while nothing more should be taken from the source, so that it can be renewed. */
  get isWornOut(): boolean {
    return this.#acknowledged >= WORN_OUT;
  }

  wayOf(delivery: Delivery): Way {
    let isSettled = false;
    let isOnLanes = false;
    let isAside = false;
    this.#underWay++;
    const leaveLanes = () => {
      if (isOnLanes) this.#onLanes--;
      isOnLanes = false;
    };
    return {
      gone: this.#gone.signal,
      begin: () => {
        if (isAside) this.#aside--;
        isAside = false;
        const transaction = this.#begin(delivery);
        isOnLanes = transaction === undefined;
        return (
          transaction && {
            add: (message) => transaction.add(message),
            commit: async () => {
              await this.#commit(transaction);
              isSettled = true;
            },
          }
        );
      },
      get isSettled() {
        return isSettled;
      },
      standAside: () => {
        if (isAside) return;
        isAside = true;
        this.#aside++;
        leaveLanes();
        this.#options.onAside();
      },
      end: () => {
        leaveLanes();
        this.#underWay--;
        if (isAside) this.#aside--;
      },
    };
  }

  #begin(delivery: Delivery): Transaction | undefined {
    const mustUseLanes = this.#toLanes > 0 || this.#onLanes > 0;
    const transaction = mustUseLanes ? undefined : this.#sink?.transaction?.(delivery);
    if (transaction === undefined) {
      this.#onLanes++;
      this.#toLanes = Math.max(0, this.#toLanes - 1);
    }
    return transaction;
  }

  async #commit(transaction: Transaction): Promise<void> {
    try {
      await transaction.commit();
      this.#acknowledged++;
    } catch (cause) {
      const error = asBridgeError(cause, 'connection-lost');
      if (error.code === 'send-timeout') this.#options.replaceConnection();
      if (isRefusal(error)) this.#toLanes = Math.max(this.#toLanes, this.#underWay);
      throw error;
    }
  }
}

/** As many may listen as stand aside, which the flow bounds. */
function newGone(): AbortController {
  const gone = new AbortController();
  setMaxListeners(0, gone.signal);
  return gone;
}

function isRefusal({ fromBroker, code }: BridgeError): boolean {
  return fromBroker || code === 'batch-refused';
}
