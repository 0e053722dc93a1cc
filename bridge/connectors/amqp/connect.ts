import type { Socket } from 'node:net';
import rhea, { type ConnectionOptions } from 'rhea';
import { BridgeError } from '../../errors.js';
import type { BrokerType, Connect, Connection, Endpoint } from '../connector.js';
import { type AmqpFlavour, flavourOf } from '../flavours/flavour.js';
import { AMQP_FRAME, amqpMeter } from '../frame-meter.js';
import { openedEvent, openSocket } from '../socket.js';
import { AmqpConnection } from './connection.js';
import { HUNG_UP, hasReason, openError, place } from './errors.js';
import { mechanismsFor } from './sasl.js';

/** Opens one AMQP 1.0 connection to an ActiveMQ broker and makes sure that it is the type the mapping file says. */
export const connectAmqp: Connect = async (endpoint, stop) => {
  const { amqp } = flavourOf(endpoint.brokerType);
  if (amqp === undefined)
    throw new BridgeError('wrong-broker', `${place(endpoint)}: type ${endpoint.brokerType} has no AMQP`);
  if (stop.aborted) throw stopped(endpoint);
  const options = connectionOptions(endpoint);
  // A container of its own: events that nobody takes end there, not in a container that all share.
  const container = rhea.create_container({ id: endpoint.clientId });
  const connection = container.create_connection(options).connect();
  return open(new AmqpConnection(endpoint, amqp, connection), stop);
};

function connectionOptions(endpoint: Endpoint): ConnectionOptions {
  // As rhea would call net.connect.
  const connect = (_port: number, _host: string, _options: unknown, connected: () => void): Socket =>
    openSocket(endpoint, amqpMeter()).once(openedEvent(endpoint), connected);
  const options = {
    host: endpoint.host,
    hostname: endpoint.host,
    port: endpoint.port,
    connect,
    max_frame_size: AMQP_FRAME,
    container_id: endpoint.clientId,
    reconnect: false,
    tcp_no_delay: true,
    // AMQP 1.0, 2.4.5: advertise half of what is really waited for; rhea waits for twice the advertised time.
    idle_time_out: Math.max(1, Math.floor(endpoint.idleTimeout / 2)),
    sasl_mechanisms: mechanismsFor(endpoint),
  };
  return options;
}

function open(connection: AmqpConnection, stop: AbortSignal): Promise<Connection> {
  const { endpoint } = connection;
  return new Promise((resolve, reject) => {
    const abort = () => connection.end(stopped(endpoint));
    const deadline = setTimeout(() => {
      connection.end(
        new BridgeError(
          'connection-failed',
          `${place(endpoint)}: no AMQP connection within ${endpoint.connectTimeout} ms`,
        ),
      );
    }, endpoint.connectTimeout);
    stop.addEventListener('abort', abort, { once: true });
    const done = () => {
      clearTimeout(deadline);
      stop.removeEventListener('abort', abort);
    };
    let opened = false;
    connection.onEnd((reason) => {
      if (opened) return;
      done();
      // `lost` calls it lost, with the peer's condition as its cause; here it never was open.
      reject(
        reason.code === 'connection-lost'
          ? openError(endpoint, hasReason(reason.cause) ? reason.cause : { description: HUNG_UP })
          : reason,
      );
    });
    connection.rhea.on(
      'connection_open',
      connection.guarded(() => {
        const properties: Record<string, unknown> = connection.rhea.properties ?? {};
        // Set when a Close with the reason follows at once (Qpid's convention, used by Classic).
        if (properties['amqp:connection-establishment-failed'] === true) return;
        const wrong = wrongBroker(connection.flavour, endpoint, properties.product);
        if (wrong !== undefined) {
          connection.end(wrong);
          return;
        }
        opened = true;
        done();
        resolve(connection);
      }),
    );
  });
}

const AMQP_TYPES: readonly BrokerType[] = ['activemq', 'artemis'];

/** A name in the wrong broker's form is acknowledged and lost, so a wrong `type` must not get past here. */
function wrongBroker(flavour: AmqpFlavour, endpoint: Endpoint, product: unknown): BridgeError | undefined {
  const name = typeof product === 'string' ? product : '';
  if (flavour.isProduct(name)) return undefined;
  const right = AMQP_TYPES.find((type) => flavourOf(type).amqp?.isProduct(name));
  return new BridgeError(
    'wrong-broker',
    `${place(endpoint)}: the mapping file says type: ${endpoint.brokerType}, but the broker says that it is ` +
      (right === undefined
        ? `${JSON.stringify(name)}, which the bridge does not know`
        : `${flavourOf(right).product}; write type: ${right}`),
  );
}

function stopped(endpoint: Endpoint): BridgeError {
  return new BridgeError('connection-failed', `${place(endpoint)}: stopped while connecting`);
}
