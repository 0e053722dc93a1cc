/** A chat message as it was said (design.md, section 7), cut to what is for the page. */
export interface HistoryMessage {
  readonly type: 'text';
  readonly id: string;
  readonly from: string;
  readonly text: string;
  readonly sentAt: string;
}

/** As long as the page lets anybody write. */
const MAX_TEXT = 8_000;
const MAX_SHORT = 100;

/** Undefined for what is no chat message: anybody may publish anything in a room. */
export function parseHistoryMessage(body: unknown): HistoryMessage | undefined {
  const text = Buffer.isBuffer(body) ? body.toString() : body;
  if (typeof text !== 'string') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, id, from, text: said, sentAt } = value as Readonly<Record<string, unknown>>;
  if (type !== 'text' || typeof id !== 'string' || id === '' || id.length > MAX_SHORT) return undefined;
  if (typeof from !== 'string' || typeof said !== 'string' || typeof sentAt !== 'string') return undefined;
  return {
    type,
    id,
    from: from.slice(0, MAX_SHORT),
    text: said.slice(0, MAX_TEXT),
    sentAt: sentAt.slice(0, MAX_SHORT),
  };
}
