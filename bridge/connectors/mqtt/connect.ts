import { type IClientOptions, MqttClient, Store, UniqueMessageIdProvider } from 'mqtt';
import { BridgeError } from '../../errors.js';
import type { Connect, Connection, Endpoint } from '../connector.js';
import { mqttMeter } from '../frame-meter.js';
import { openSocket } from '../socket.js';
import { MqttConnection } from './connection.js';
import { openError, place } from './errors.js';
import { keepAliveSeconds } from './keep-alive.js';

/** Opens one connection of MQTT 3.1.1 or 5, which is then either one source or a sink. */
export const connectMqtt: Connect = async (endpoint, stop) => {
  if (stop.aborted) throw stopped(endpoint);
  const socket = openSocket(endpoint, mqttMeter());
  const client = new MqttClient(() => socket, clientOptions(endpoint));
  const connection = new MqttConnection(endpoint, client, socket);
  const opened = open(connection, stop);
  client.connect();
  return opened;
};

/** Longer than any deadline of ours: mqtt.js cannot do without one. */
const NO_DEADLINE = 2 ** 31 - 1;

function clientOptions(endpoint: Endpoint): IClientOptions {
  const { username, password } = endpoint;
  return {
    ...versionOptions(endpoint),
    clientId: endpoint.clientId,
    clean: endpoint.cleanSession,
    // Never in a URL: mqtt.js splits that at the last colon.
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    keepalive: keepAliveSeconds(endpoint),
    connectTimeout: NO_DEADLINE,
    manualConnect: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // It would make a buffer of each number to 65,535 before the first packet, and keep them: 7 MB.
    writeCache: false,
    timerVariant: 'native',
    // The default one gives the id of an unanswered publish away a second time.
    messageIdProvider: new UniqueMessageIdProvider(),
    // The default ones throw, outside of any callback, over what a broker answers to a client that has just ended.
    incomingStore: new Store({ clean: false }),
    outgoingStore: new Store({ clean: false }),
    // Otherwise DEBUG=mqttjs* prints the password.
    log: () => {},
  };
}

/** Session Expiry Interval of a session that never ends by itself (MQTT 5, 3.1.2.11.2). */
const NEVER = 0xffff_ffff;

/**
 * No Receive Maximum: Artemis before 2.42 takes what is unanswered when a connection ends off it for good, and in the end
 * delivers nothing more (ARTEMIS-5469). Without one it counts nothing, and only its 65,535 packet ids of a session are used up
 * like that, in MQTT 3.1.1 as well. No Topic Alias Maximum: so nobody uses any.
 */
function versionOptions({
  mqttVersion,
  cleanSession,
}: Endpoint): Pick<IClientOptions, 'protocolVersion' | 'properties'> {
  if (mqttVersion !== 5) return { protocolVersion: 4 };
  return { protocolVersion: 5, properties: { sessionExpiryInterval: cleanSession ? 0 : NEVER } };
}

function open(connection: MqttConnection, stop: AbortSignal): Promise<Connection> {
  const { endpoint, client } = connection;
  return new Promise((resolve, reject) => {
    const abort = () => connection.end(stopped(endpoint));
    const deadline = setTimeout(() => connection.end(tooLate(endpoint)), endpoint.connectTimeout);
    stop.addEventListener('abort', abort, { once: true });
    let opened = false;
    const done = () => {
      clearTimeout(deadline);
      stop.removeEventListener('abort', abort);
    };
    connection.onEnd((reason) => {
      if (opened) return;
      done();
      // `lost` calls it lost, with the library's error as its cause; here it never was.
      reject(reason.code === 'connection-lost' ? openError(endpoint, reason.cause) : reason);
    });
    client.once('connect', () => {
      if (connection.ended !== undefined) return;
      opened = true;
      done();
      resolve(connection);
    });
  });
}

function tooLate(endpoint: Endpoint): BridgeError {
  return new BridgeError(
    'connection-failed',
    `${place(endpoint)}: no MQTT connection within ${endpoint.connectTimeout} ms`,
  );
}

function stopped(endpoint: Endpoint): BridgeError {
  return new BridgeError('connection-failed', `${place(endpoint)}: stopped while connecting`);
}
