/** The chat protocol on MQTT (design.md, section 7): topics, and what a body may be. Pure: no DOM, no client. */

/** Text a member sent. `id` is the sender's own; `from` is a claim, for the broker does not vouch for it. */
export interface ChatMessage {
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** ISO 8601. */
  readonly sentAt: string;
}

/** What came in on a room's message topic: a chat message, or anything else as plain text. */
export type Incoming =
  | { readonly kind: 'chat'; readonly message: ChatMessage }
  | { readonly kind: 'other'; readonly text: string };

export interface RoomAbout {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: string;
}

export type RoomTopic = { readonly room: string; readonly kind: 'messages' | 'about' };

/** Longest text of one message, in UTF-16 units: a page full of text, and far below any broker's limit. */
export const MAX_TEXT = 8_000;
export const MAX_ROOM_NAME = 60;

const ROOM_ID = /^[A-Za-z0-9_-]{1,64}$/;
const ROOM_TOPIC = /^chat\/([A-Za-z0-9_-]{1,64})\/(messages|about)$/;

export const isRoomId = (text: string): boolean => ROOM_ID.test(text);

/** The room ID in what a person pasted: the ID itself or a link with `#room=ID`; undefined if it is neither. */
export function roomIdFrom(typed: string): string | undefined {
  const text = typed.trim();
  const link = /#room=([^&]*)$/.exec(text);
  const id = link?.[1] ?? text;
  return isRoomId(id) ? id : undefined;
}

export const messagesTopic = (room: string): string => `chat/${room}/messages`;
export const aboutTopic = (room: string): string => `chat/${room}/about`;

export function parseRoomTopic(topic: string): RoomTopic | undefined {
  const [, room, kind] = ROOM_TOPIC.exec(topic) ?? [];
  if (room === undefined || (kind !== 'messages' && kind !== 'about')) return undefined;
  return { room, kind };
}

export const encodeMessage = (message: ChatMessage): string =>
  JSON.stringify({
    type: 'text',
    id: message.id,
    from: message.from,
    text: message.text,
    sentAt: message.sentAt,
  });

/** Never throws: whatever is not a chat message comes back as text, cut to what a page can show. */
export function decodeMessage(body: Uint8Array): Incoming {
  const text = new TextDecoder().decode(body);
  const value = parseObject(text);
  const message = value?.type === 'text' ? chatMessage(value) : undefined;
  return message === undefined ? { kind: 'other', text: text.slice(0, MAX_TEXT) } : { kind: 'chat', message };
}

/** The retained description of a room, or undefined when it is not one or is about another room. */
export function decodeAbout(body: Uint8Array, room: string): RoomAbout | undefined {
  const value = parseObject(new TextDecoder().decode(body));
  if (value === undefined || value.id !== room) return undefined;
  const { name, createdBy, createdAt } = value;
  if (typeof name !== 'string' || typeof createdBy !== 'string' || typeof createdAt !== 'string')
    return undefined;
  return { id: room, name: name.slice(0, MAX_ROOM_NAME), createdBy: createdBy.slice(0, 100), createdAt };
}

function chatMessage(value: Readonly<Record<string, unknown>>): ChatMessage | undefined {
  const { id, from, text, sentAt } = value;
  if (typeof id !== 'string' || id === '' || id.length > 100) return undefined;
  if (typeof from !== 'string' || typeof text !== 'string' || typeof sentAt !== 'string') return undefined;
  return { id, from: from.slice(0, 100), text: text.slice(0, MAX_TEXT), sentAt: sentAt.slice(0, 40) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}
