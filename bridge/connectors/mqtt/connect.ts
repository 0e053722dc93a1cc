import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { BridgeError } from '../../errors.js';
import type { Connect, Connection, Endpoint } from '../connector.js';
import { connectError, placeOf } from './errors.js';
import { MqttSink } from './sink.js';
import { MqttSource } from './source.js';

/** Milliseconds that a polite end may take. */
const CLOSE_LIMIT = 1_500;

/**
 * The MQTT 3.1.1 connector (mqtt.js 5.16). One client object a connection; the library's own reconnect stays off. A
 * connection is a source or a sink, never both: while a source waits for credit nothing is read, PUBACKs included.
 */
export const connectMqtt: Connect = (endpoint, stop) =>
  new Promise((resolve, reject) => {
    const source = new MqttSource(endpoint);
    const client = mqtt.connect({ ...optionsOf(endpoint), incomingStore: source.store });
    source.attach(client);
    const lost = lossOf(client, endpoint);
    let lastError: unknown;

    const fail = (error: BridgeError) => {
      cleanUp();
      client.end(true);
      client.stream.destroy();
      reject(error);
    };
    const onConnect = () => {
      cleanUp();
      noDelay(client);
      resolve(new MqttConnection(client, endpoint, source, lost));
    };
    const onError = (error: unknown) => {
      lastError = error;
    };
    const onClose = () => fail(connectError(endpoint, lastError ?? new Error('it closed the connection')));
    const onAbort = () => fail(new BridgeError('connection-failed', 'the bridge is stopping'));
    const deadline = setTimeout(
      () => fail(new BridgeError('connection-failed', `${placeOf(endpoint)} does not answer`)),
      endpoint.connectTimeout,
    );
    const cleanUp = () => {
      clearTimeout(deadline);
      client.off('connect', onConnect);
      client.off('close', onClose);
      stop.removeEventListener('abort', onAbort);
    };
    client.on('error', onError);
    client.on('connect', onConnect);
    client.on('close', onClose);
    stop.addEventListener('abort', onAbort);
    if (stop.aborted) onAbort();
  });

class MqttConnection implements Connection {
  readonly lost: Promise<BridgeError>;
  readonly #client: MqttClient;
  readonly #endpoint: Endpoint;
  readonly #source: MqttSource;
  #sink: MqttSink | undefined;
  #sourceUsed = false;
  #closing: Promise<void> | undefined;

  constructor(client: MqttClient, endpoint: Endpoint, source: MqttSource, lost: Promise<BridgeError>) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#source = source;
    this.lost = lost;
    void lost.then((reason) => {
      source.lose();
      this.#sink?.lose(reason);
    });
  }

  readonly source: Connection['source'] = async (spec, onDelivery) => {
    if (spec.kind !== 'mqtt') throw new TypeError('MQTT has topics only');
    if (this.#sink !== undefined || this.#sourceUsed) throw new TypeError('one source or sinks a connection');
    this.#sourceUsed = true;
    await this.#source.subscribe(spec.subscriptions, onDelivery);
    return this.#source;
  };

  readonly sink: Connection['sink'] = async (spec) => {
    if (this.#sourceUsed || this.#sink !== undefined)
      throw new TypeError('one source or one sink a connection');
    this.#sink = new MqttSink(this.#client, this.#endpoint, spec);
    if (!this.#client.connected) this.#sink.lose(await this.lost);
    return this.#sink;
  };

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { stream } = this.#client;
    this.#source.flush();
    const limit = setTimeout(() => stream.destroy(), CLOSE_LIMIT);
    // With an answer outstanding, a polite end of mqtt.js never finishes (seen with 5.16.0).
    this.#client.end((this.#sink?.outstanding ?? 0) > 0);
    await this.lost;
    clearTimeout(limit);
    stream.destroy();
  }
}

/** Resolves when the connection is gone; mqtt.js gives one `close` for every way to end with `reconnectPeriod` 0. */
function lossOf(client: MqttClient, endpoint: Endpoint): Promise<BridgeError> {
  let text = '';
  client.on('error', (error) => {
    text = `: ${error.message}`;
  });
  return new Promise((resolve) => {
    client.once('close', () =>
      resolve(new BridgeError('connection-lost', `the connection to ${placeOf(endpoint)} is gone${text}`)),
    );
  });
}

function optionsOf(endpoint: Endpoint): IClientOptions {
  const { host, port, tls, username, password } = endpoint;
  return {
    protocol: tls === undefined ? 'mqtt' : 'mqtts',
    host,
    port,
    ...tls,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    protocolVersion: 4,
    clientId: endpoint.clientId,
    clean: endpoint.cleanSession,
    keepalive: Math.max(1, Math.round(endpoint.idleTimeout / 1_000)),
    connectTimeout: endpoint.connectTimeout,
    reconnectPeriod: 0,
    // A refused re-subscription would be silent; every connection subscribes for itself.
    resubscribe: false,
    queueQoSZero: false,
    messageIdProvider: new mqtt.UniqueMessageIdProvider(),
  };
}

/** mqtt.js never sets it; without it small packets wait for the peer's delayed ACK, about 40 ms. */
function noDelay({ stream }: MqttClient): void {
  if ('setNoDelay' in stream && typeof stream.setNoDelay === 'function') stream.setNoDelay(true);
}
