import { randomBytes } from 'node:crypto';

const BYTES = 12;

/**
 * A new room ID: 96 random bits as 16 characters of `A-Z a-z 0-9 - _`. Whoever knows it can find the room, so
 * it cannot be guessed; and it starts with a letter or digit, so that it is no option to a command-line client.
 */
export function newRoomId(): string {
  for (;;) {
    const id = randomBytes(BYTES).toString('base64url');
    if (!id.startsWith('-') && !id.startsWith('_')) return id;
  }
}
