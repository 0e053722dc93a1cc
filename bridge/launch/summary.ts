import { type Listener, PORT_SETTINGS, type Ports } from './settings.js';

export interface Summary {
  readonly ports: Ports;
  /** Listeners that an ActiveMQ which was already there does not have. */
  readonly closed: readonly Listener[];
  /** Accounts for people; empty when the broker is not ours and its accounts are unknown. */
  readonly accounts: readonly { readonly username: string; readonly password: string }[];
  /** What runs the broker, for the line on stopping. */
  readonly broker: 'ours' | 'theirs';
  /** The admin token that was made for this run; undefined when the user brought one. */
  readonly adminToken: string | undefined;
}

const BROKER: readonly Listener[] = ['mqtt', 'ws', 'stomp', 'amqp', 'openwire'];

/** What a newcomer needs to see at the end of `up`, a line an entry. */
export function summaryLines({ ports, closed, accounts, broker, adminToken }: Summary): string[] {
  const page = `http://localhost:${ports.http}`;
  const row = (label: string, text: string) => `  ${label.padEnd(13)}${text}`;
  const open = BROKER.filter((listener) => !closed.includes(listener));
  const list = open.map((listener) => `${PORT_SETTINGS[listener].label} ${ports[listener]}`).join(', ');
  // What stands behind # is the page's: no browser sends it anywhere.
  const dashboard = adminToken === undefined ? `${page}/dashboard` : `${page}/dashboard#token=${adminToken}`;
  const lines = [
    '',
    row('Chat page', `${page}/`),
    row('Dashboard', dashboard),
    row('Health', `${page}/health`),
  ];
  lines.push(row('Broker', `localhost: ${list}`));
  if (accounts.length > 0) {
    const logins = accounts.map(({ username, password }) => `${username} / ${password}`);
    lines.push(row('Accounts', `${logins.join('   ')}   (account / password, for trying out only)`));
  }
  const rest = broker === 'theirs' ? ' (the bridge only: the broker was there before)' : '';
  lines.push(row('To stop', `Ctrl-C${rest}`), '');
  return lines;
}
