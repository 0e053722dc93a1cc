import rhea, { type EventContext, type Receiver } from 'rhea';
import { BridgeError } from '../../errors.js';
import type { EncodedBodies } from '../flavours/flavour.js';
import type { Wire } from './connection.js';
import { place } from './errors.js';
import { linkOpened } from './link.js';
import { RelaySender } from './sender.js';

/** Milliseconds for the message to come back. A broker without memory left for messages gives no answer at all. */
const WITHIN = 5_000;

/**
 * Does the broker keep what is sent to it over AMQP encoded as it is, so that clients of other protocols get bytes that mean nothing
 * to them? An AMQP client gets it back decoded either way, but a selector sees the difference. So one small message goes to a
 * temporary queue with two readers, and which of them gets it is the answer. The queue is gone when this is done, or with the
 * connection.
 * @throws BridgeError when it cannot be found out: no right to make a temporary queue, no answer
 */
export async function encodesBodies(wire: Wire, bodies: EncodedBodies): Promise<boolean> {
  const open: { close(): void }[] = [];
  let isDone = false;
  let deadline: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      const late = `${place(wire.endpoint)}: no answer to a message for a temporary queue within ${WITHIN} ms`;
      deadline = setTimeout(() => reject(new BridgeError('send-timeout', late)), WITHIN);
      wire.onEnd(reject);
      const read = async (terminus: object, selector: string, answer: boolean): Promise<Receiver> => {
        const session = wire.rhea.create_session();
        session.begin();
        const source = { ...terminus, filter: rhea.filter.selector(selector) };
        const receiver = session.open_receiver({ source, credit_window: 1 });
        receiver.on(
          'message',
          wire.guarded((_context: EventContext) => resolve(answer)),
        );
        await linkOpened(wire, receiver, 'receiver', 'a temporary queue', () => isDone);
        open.push({ close: () => closeWithSession(receiver) });
        return receiver;
      };
      const look = async () => {
        const { address } = (await read({ dynamic: true }, bodies.yes, true)).source;
        await read({ address }, bodies.no, false);
        const sender = await RelaySender.open(wire);
        open.push(sender);
        sender.send(rhea.message.encode({ to: address, durable: false, body: '' }), (refusal) => {
          if (refusal === undefined) return;
          if (bodies.refusal.test(refusal.message)) resolve(true);
          else reject(refusal);
        });
      };
      look().catch(reject);
    });
  } finally {
    isDone = true;
    clearTimeout(deadline);
    if (wire.ended === undefined) for (const link of open.reverse()) link.close();
  }
}

function closeWithSession(receiver: Receiver): void {
  receiver.close();
  receiver.session.close();
}
