/** Characters that health shows of each. */
const LONGEST = { name: 50, version: 29 };

/** What a broker says it is, from whatever it put there; undefined when that is nothing. At most 80 characters, without controls. */
export function peerName(product: unknown, version: unknown): string | undefined {
  const name = shown(product, LONGEST.name);
  const number = shown(version, LONGEST.version);
  if (name === '') return undefined;
  return number === '' ? name : `${name} ${number}`;
}

/** STOMP 1.2, CONNECTED: `name "/" version *(comment)`, all but the name optional. */
export function peerOfServerHeader(server: string | undefined): string | undefined {
  const [product] = (server ?? '').split(' ');
  const [name, version] = (product ?? '').split('/');
  return peerName(name, version);
}

function shown(text: unknown, longest: number): string {
  if (typeof text !== 'string') return '';
  return text.slice(0, longest).replace(/\p{C}/gu, ' ').trim();
}
