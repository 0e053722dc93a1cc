import { type ChatMessage, readMessage } from './protocol.js';

/** The few calls the page makes to the bridge. Each rejects with an Error whose text is for people. */

/** Where MQTT over WebSocket is, or undefined when the mapping file does not say. */
export async function mqttWebSocketUrl(): Promise<string | undefined> {
  const settings = await answer('/api/settings', 'GET');
  const url = settings.mqttWebSocketUrl;
  if (typeof url !== 'string') return undefined;
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error('The chat of this bridge is set up wrongly: http.chat has to be a ws:// or wss:// URL.');
  }
  return url;
}

/** A new room with an ID that nobody can guess. `announced` is false where the page has to describe it itself. */
export async function newRoom(
  name: string,
  createdBy: string,
): Promise<{ readonly id: string; readonly announced: boolean }> {
  const { id, createdAt } = await answer('/api/rooms', 'POST', { name, createdBy });
  if (typeof id !== 'string') throw new Error('The bridge gave no room ID.');
  return { id, announced: typeof createdAt === 'string' };
}

/** What was said last in a room, as it was published; empty where the bridge keeps no history. */
export async function lastMessages(room: string): Promise<readonly ChatMessage[]> {
  const response = await fetch(`/api/rooms/${room}/messages`);
  const value: unknown = response.ok ? await response.json() : [];
  return Array.isArray(value) ? value.flatMap((one) => readMessage(one) ?? []) : [];
}

async function answer(
  path: string,
  method: string,
  body?: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>> {
  const sent =
    body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...sent }).catch(() => {
    throw new Error('The bridge does not answer. Is it running?');
  });
  if (!response.ok)
    throw new Error((await reasonIn(response)) ?? `The bridge answered ${response.status} to ${path}.`);
  const value: unknown = await response.json();
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** What the bridge says is wrong; its answers are `{"error":{"message"}}`. */
async function reasonIn(response: Response): Promise<string | undefined> {
  const value: unknown = await response.json().catch(() => undefined);
  const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? message : undefined;
}
