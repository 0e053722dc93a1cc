import { connect } from 'node:net';

/** What answered a STOMP CONNECT. `server` is the broker's own name for itself, for example `ActiveMQ/6.1.8`. */
export type StompAnswer =
  | { readonly kind: 'connected'; readonly server: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'silent'; readonly reason: string };

export interface StompLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
}

/** Far more than any CONNECTED frame has; whoever sends more is no STOMP broker. */
const MOST = 16_384;

/** In CONNECT and CONNECTED frames nothing is escaped (STOMP 1.2, "Value Encoding"). */
function connectFrame(login: StompLogin): string {
  const headers = ['accept-version:1.2', 'host:localhost', 'heart-beat:0,0'];
  headers.push(`login:${login.username}`, `passcode:${login.password}`);
  return `CONNECT\n${headers.join('\n')}\n\n\0`;
}

/** The answer that a whole frame gives; text of unknown origin is cut and stripped of controls for a terminal. */
export function readStompAnswer(frame: string): StompAnswer {
  const [head = '', ...rest] = frame.replace(/^[\r\n]+/, '').split(/\r?\n\r?\n/);
  const [command = '', ...lines] = head.split(/\r?\n/);
  const header = (name: string) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1);
  const plain = (text: string) =>
    text
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 200);
  if (command === 'CONNECTED') return { kind: 'connected', server: plain(header('server') ?? '') };
  if (command === 'ERROR') {
    return { kind: 'refused', reason: plain(header('message') ?? rest.join(' ')) || 'no reason given' };
  }
  return { kind: 'silent', reason: 'it does not speak STOMP' };
}

/** Logs in over STOMP, hangs up, and tells what answered. Never rejects. */
export function tryStompLogin(login: StompLogin): Promise<StompAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: login.host, port: login.port });
    let received = '';
    const timer = setTimeout(() => end({ kind: 'silent', reason: 'it does not answer' }), login.timeout);
    const end = (answer: StompAnswer) => {
      clearTimeout(timer);
      if (answer.kind === 'connected') socket.end('DISCONNECT\n\n\0');
      else socket.destroy();
      // A peer that never closes its side must not keep the socket.
      socket.setTimeout(1000, () => socket.destroy());
      socket.resume();
      resolve(answer);
    };
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(connectFrame(login)));
    socket.on('data', (chunk: string) => {
      received = (received + chunk).slice(0, MOST);
      const nul = received.indexOf('\0');
      if (nul >= 0) end(readStompAnswer(received.slice(0, nul)));
      else if (received.length === MOST) end(readStompAnswer(''));
    });
    socket.on('error', (error) => end({ kind: 'silent', reason: error.message }));
    socket.once('close', () => end({ kind: 'silent', reason: 'it hung up' }));
  });
}

/** The version if the name is that of ActiveMQ Classic; Artemis calls itself `ActiveMQ-Artemis/…`. */
export function classicVersion(server: string): string | undefined {
  return /^ActiveMQ\/(\S+)/.exec(server)?.[1];
}
