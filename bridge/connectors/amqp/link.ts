import type { EventContext, link as RheaLink } from 'rhea';
import { BridgeError } from '../../errors.js';
import type { Wire } from './connection.js';
import { idInUse, isIdInUse, place, reasonText } from './errors.js';

/**
 * Resolves when the peer has opened the link; rejects with `subscription-refused` (a receiver), `client-id-in-use` (a durable one, `isDurable`, that
 * another client has) or `destination-refused` (a sender) when it refuses, or with the reason why the connection ended. When the peer closes the link later,
 * without `expected`, the connection ends: its user would wait for ever otherwise.
 */
export function linkOpened(
  wire: Wire,
  link: RheaLink,
  role: 'receiver' | 'sender',
  what: string,
  expected: () => boolean,
  isDurable = false,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let opened = false;
    let refused = false;
    const deadline = setTimeout(() => {
      wire.end(
        new BridgeError(
          'connection-lost',
          `${place(wire.endpoint)}: no answer to opening ${what} within ${wire.endpoint.connectTimeout} ms`,
        ),
      );
    }, wire.endpoint.connectTimeout);
    const fail = (error: BridgeError) => {
      clearTimeout(deadline);
      reject(error);
    };
    wire.onEnd(fail);
    const closed = (reason: unknown) => {
      if (refused || expected()) return;
      if (opened) {
        wire.end(
          new BridgeError(
            'connection-lost',
            `${place(wire.endpoint)}: the broker closed ${what}: ${reasonText(reason)}`,
          ),
        );
        return;
      }
      refused = true;
      const code = role === 'receiver' ? 'subscription-refused' : 'destination-refused';
      fail(
        isDurable && isIdInUse(reason)
          ? idInUse(wire.endpoint, reason)
          : new BridgeError(
              code,
              `${place(wire.endpoint)}: the broker refused ${what}: ${reasonText(reason)}`,
            ),
      );
      link.session.close();
    };
    link.on(
      `${role}_open`,
      wire.guarded(() => {
        // AMQP 1.0, 2.6.3: a refused link is attached without its terminus, then detached with the reason.
        if ((role === 'receiver' ? link.source : link.target) === null) return;
        // Both brokers attach with a terminus all the same when a selector or a permission is wrong, and detach right
        // after. They answer in order: what they say to another session comes behind that detach.
        roundTrip(wire, () => {
          if (refused) return;
          opened = true;
          clearTimeout(deadline);
          resolve();
        });
      }),
    );
    const onClose = wire.guarded((_context: EventContext) => closed(link.error));
    link.on(`${role}_error`, onClose);
    link.on(`${role}_close`, onClose);
    const onSessionClose = wire.guarded((_context: EventContext) => closed(link.session.error));
    link.session.on('session_error', onSessionClose);
    link.session.on('session_close', onSessionClose);
  });
}

function roundTrip(wire: Wire, done: () => void): void {
  const session = wire.rhea.create_session();
  session.on(
    'session_open',
    wire.guarded(() => {
      session.close();
      done();
    }),
  );
  session.begin();
}
