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

/** Where something came in; a member's presence has the account. */
export type RoomTopic =
  | { readonly room: string; readonly kind: 'messages' | 'about' }
  | { readonly room: string; readonly kind: 'member'; readonly account: string };

/** Longest text of one message, in UTF-16 units: a page full of text, and far below any broker's limit. */
export const MAX_TEXT = 8_000;
export const MAX_ROOM_NAME = 60;

const ROOM_ID = /^[A-Za-z0-9_-]{1,64}$/;
const ROOM_TOPIC = /^chat\/([A-Za-z0-9_-]{1,64})\/(messages|about)$/;
const MEMBER_TOPIC = /^chat\/([A-Za-z0-9_-]{1,64})\/members\/([^/]{1,100})$/;
/** What can be one level of a topic, on every broker: to ActiveMQ a dot is a slash. */
const ACCOUNT = /^[A-Za-z0-9_-]{1,64}$/;

export const isRoomId = (text: string): boolean => ROOM_ID.test(text);

/** A conversation with one account has the ID `@account`: no room can be called that. */
export const directId = (account: string): string | undefined =>
  ACCOUNT.test(account) ? `@${account}` : undefined;

/** Whom a conversation is with; undefined for a room. */
export const accountOf = (id: string): string | undefined => (id.startsWith('@') ? id.slice(1) : undefined);

export const isConversationId = (text: string): boolean =>
  isRoomId(text) || (text.startsWith('@') && ACCOUNT.test(text.slice(1)));

/** The ID in what a person pasted: a room's ID, a link with `#room=ID`, or `@account`; undefined if it is none of them. */
export function roomIdFrom(typed: string): string | undefined {
  const text = typed.trim();
  const link = /#room=([^&]*)$/.exec(text);
  const id = link?.[1] ?? text;
  return isConversationId(id) ? id : undefined;
}

/** Where messages for a room, or for one account, are published. */
export const messagesTopic = (id: string): string => {
  const account = accountOf(id);
  return account === undefined ? `chat/${id}/messages` : inboxTopic(account);
};
export const inboxTopic = (account: string): string => `users/${account}/inbox`;
export const aboutTopic = (room: string): string => `chat/${room}/about`;
export const membersFilter = (room: string): string => `chat/${room}/members/+`;
/** Undefined for an account that cannot be a level of a topic. */
export const memberTopic = (room: string, account: string): string | undefined =>
  ACCOUNT.test(account) ? `chat/${room}/members/${account}` : undefined;

export function parseRoomTopic(topic: string): RoomTopic | undefined {
  const [, where, account] = MEMBER_TOPIC.exec(topic) ?? [];
  if (where !== undefined && account !== undefined) return { room: where, kind: 'member', account };
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
  const message = value === undefined ? undefined : readMessage(value);
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

/** The chat message in a parsed body; undefined when it is none. */
export function readMessage(value: unknown): ChatMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, id, from, text, sentAt } = value as Readonly<Record<string, unknown>>;
  if (type !== 'text') return undefined;
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
