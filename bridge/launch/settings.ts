import { BridgeError } from '../errors.js';

/** What `up` listens on, in the order in which it is shown. */
export const LISTENERS = ['http', 'mqtt', 'ws', 'stomp', 'amqp', 'openwire'] as const;
export type Listener = (typeof LISTENERS)[number];
export type Ports = Readonly<Record<Listener, number>>;

/** How each listener is called, the environment variable that moves it, and where it is without that. */
export const PORT_SETTINGS: Readonly<
  Record<Listener, { readonly label: string; readonly variable: string; readonly usual: number }>
> = {
  http: { label: 'HTTP', variable: 'HTTP_PORT', usual: 8080 },
  mqtt: { label: 'MQTT', variable: 'ACTIVEMQ_MQTT_PORT', usual: 1883 },
  ws: { label: 'WebSocket', variable: 'ACTIVEMQ_WS_PORT', usual: 61614 },
  stomp: { label: 'STOMP', variable: 'ACTIVEMQ_STOMP_PORT', usual: 61613 },
  amqp: { label: 'AMQP', variable: 'ACTIVEMQ_AMQP_PORT', usual: 5672 },
  openwire: { label: 'OpenWire', variable: 'ACTIVEMQ_OPENWIRE_PORT', usual: 61616 },
};

/** `up` is for trying out: everything it starts is reachable from this machine only. */
export const HERE = '127.0.0.1';

/** Where the shipped mapping file finds the token of the dashboard, and whether messages may be watched. */
export const ADMIN = { token: 'ADMIN_TOKEN', tail: 'ADMIN_TAIL' } as const;

/** The account of the bridge. */
export const LOGIN_SETTINGS: readonly string[] = ['ACTIVEMQ_USERNAME', 'ACTIVEMQ_PASSWORD'];

const refuse = (message: string) => new BridgeError('configuration-invalid', message);

function portFrom(variable: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw refuse(`${variable}=${JSON.stringify(text)} is not a port; give a number from 1 to 65535`);
}

/**
 * The ports that the environment asks for. An empty variable counts as not set.
 * @throws BridgeError configuration-invalid for what is no port, or one port for two listeners, or a foreign host
 */
export function readPorts(env: NodeJS.ProcessEnv): Ports {
  const host = env.ACTIVEMQ_HOST;
  if (host !== undefined && host !== '' && host !== HERE && host !== 'localhost') {
    throw refuse(
      `ACTIVEMQ_HOST=${JSON.stringify(host)}: \`up\` is for a broker on this machine; ` +
        'for one elsewhere use `run mappings/chat.yaml`',
    );
  }
  const ports: Record<Listener, number> = { http: 0, mqtt: 0, ws: 0, stomp: 0, amqp: 0, openwire: 0 };
  const owners = new Map<number, string>();
  for (const listener of LISTENERS) {
    const { variable, usual } = PORT_SETTINGS[listener];
    const text = env[variable];
    const port = text === undefined || text === '' ? usual : portFrom(variable, text);
    const owner = owners.get(port);
    if (owner !== undefined)
      throw refuse(`${owner} and ${variable} are both ${port}; give each its own port`);
    owners.set(port, variable);
    ports[listener] = port;
  }
  return ports;
}

/** The environment for the shipped mapping file: the user's own, with what `up` decided on top. */
export function mappingEnv(
  env: NodeJS.ProcessEnv,
  ports: Ports,
  login: { readonly username: string; readonly password: string },
  admin: string,
): NodeJS.ProcessEnv {
  const numbers = LISTENERS.map((listener) => [PORT_SETTINGS[listener].variable, String(ports[listener])]);
  return {
    ...env,
    ...Object.fromEntries(numbers),
    ACTIVEMQ_HOST: HERE,
    ACTIVEMQ_WS_HOST: HERE,
    HTTP_HOST: HERE,
    ACTIVEMQ_USERNAME: login.username,
    ACTIVEMQ_PASSWORD: login.password,
    [ADMIN.token]: admin,
    [ADMIN.tail]: env[ADMIN.tail] || 'true',
  };
}
