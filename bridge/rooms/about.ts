/** What a chat room is: the retained message on `chat/{room}/about` (design.md, section 7). */
export interface RoomAbout {
  readonly id: string;
  /** May be empty. */
  readonly name: string;
  /** An account as whoever made the room gave it: nobody vouches for it. May be empty. */
  readonly createdBy: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** In UTF-16 units, as the page counts. */
export const MAX_ROOM_NAME = 60;
export const MAX_ACCOUNT = 100;
const MAX_BODY = 2_000;

const ROOM_ID = /^[A-Za-z0-9_-]{1,64}$/;
const ABOUT_TOPIC = /^chat\/([A-Za-z0-9_-]{1,64})\/about$/;
/** Controls, and what turns the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

export const isRoomId = (text: string): boolean => ROOM_ID.test(text);

export const aboutTopic = (room: string): string => `chat/${room}/about`;

/** The room whose description this topic has; undefined for any other topic. */
export const roomOfTopic = (topic: string): string | undefined => ABOUT_TOPIC.exec(topic)?.[1];

/** Whether the text can be a name of a room or of an account: that long at most, and all of it to be seen. */
export const isShortText = (text: string, longest: number): boolean =>
  text.length <= longest && !UNPRINTABLE.test(text);

/** The description in a body that anybody may have written; undefined when it is none. */
export function parseAbout(body: unknown): RoomAbout | undefined {
  const text = Buffer.isBuffer(body) ? body.toString() : body;
  if (typeof text !== 'string' || text.length > MAX_BODY) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, name, createdBy, createdAt } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || !isRoomId(id)) return undefined;
  if (typeof name !== 'string' || !isShortText(name, MAX_ROOM_NAME)) return undefined;
  if (typeof createdBy !== 'string' || !isShortText(createdBy, MAX_ACCOUNT)) return undefined;
  if (typeof createdAt !== 'string' || Number.isNaN(Date.parse(createdAt))) return undefined;
  return { id, name, createdBy, createdAt };
}
