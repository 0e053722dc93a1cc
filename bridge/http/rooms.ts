import { type Response, Router } from 'express';
import { asBridgeError } from '../errors.js';
import { isRoomId, isShortText, MAX_ACCOUNT, MAX_ROOM_NAME } from '../rooms/about.js';
import type { RoomDirectory } from '../rooms/directory.js';
import { HISTORY, type RoomHistory } from '../rooms/history.js';
import { newRoomId } from '../rooms/room-id.js';
import { localOnly, ownPageOnly } from './local-only.js';

/** What a chat has; the mapping file decides, and a reload may change it. */
export interface Rooms {
  readonly directory?: Pick<RoomDirectory, 'create' | 'list'> | undefined;
  readonly history?: Pick<RoomHistory, 'last'> | undefined;
  /** True while another bridge works in its place. */
  readonly isStandingBy?: boolean;
}

const STANDBY = 'This bridge stands by: ask the one that works now, whose /health/ready answers 200.';

/**
 * Makes and lists chat rooms. Whoever reaches this server may make one and learns its ID; the list of all IDs is for the bridge's own
 * machine. Without a directory (the mapping file sets no `http.chat`) a room is just an ID that nobody has yet.
 */
export function roomsRouter(rooms: Rooms): Router {
  const router = Router();
  router.use((_request, response, next) => {
    if (rooms.isStandingBy !== true) next();
    else response.status(503).json({ error: { code: 'standby', message: STANDBY } });
  });
  router.post('/', ownPageOnly, async (request, response) => {
    const wanted = readRoom(request.body);
    if (typeof wanted === 'string') {
      response.status(400).json({ error: { code: 'bad-request', message: wanted } });
      return;
    }
    const { directory } = rooms;
    if (directory === undefined) {
      response.status(201).json({ id: newRoomId() });
      return;
    }
    try {
      response.status(201).json(await directory.create(wanted));
    } catch (error) {
      unavailable(response, 'The room could not be made', error);
    }
  });
  router.get('/', localOnly, (_request, response) => {
    response.json(rooms.directory?.list() ?? []);
  });
  // Who knows the ID may read, as on the broker.
  router.get('/:id/messages', ownPageOnly, async (request, response) => {
    const id = String(request.params.id);
    const last = Number(request.query.last ?? HISTORY);
    if (!isRoomId(id) || !Number.isInteger(last) || last < 1) {
      const message = 'A room ID has 1 to 64 letters, digits, - and _; "last" is a number from 1 on.';
      response.status(400).json({ error: { code: 'bad-request', message } });
      return;
    }
    try {
      response.json((await rooms.history?.last(id, last)) ?? []);
    } catch (error) {
      unavailable(response, 'What was said before cannot be read', error);
    }
  });
  return router;
}

function unavailable(response: Response, what: string, error: unknown): void {
  const { code, message } = asBridgeError(error, 'connection-lost');
  response.status(503).json({ error: { code, message: `${what}: ${message}.` } });
}

/** What the body asks for (all of it may be left out), or what is wrong with it. */
function readRoom(body: unknown): { readonly name: string; readonly createdBy: string } | string {
  if (body === undefined) return { name: '', createdBy: '' };
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return 'The body has to be a JSON object, or left out.';
  const { name = '', createdBy = '' } = body as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || !isShortText(name, MAX_ROOM_NAME))
    return `"name" has to be a text of at most ${MAX_ROOM_NAME} characters, without controls.`;
  if (typeof createdBy !== 'string' || !isShortText(createdBy, MAX_ACCOUNT))
    return `"createdBy" has to be a text of at most ${MAX_ACCOUNT} characters, without controls.`;
  return { name: name.trim(), createdBy };
}
