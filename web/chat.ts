import { lastMessages, mqttWebSocketUrl, newRoom } from './api.js';
import { claimIdentity, type Identity } from './identity.js';
import { uuid } from './ids.js';
import { Presence } from './presence.js';
import { accountOf, directId, isRoomId, MAX_ROOM_NAME, MAX_TEXT, roomIdFrom } from './protocol.js';
import { Rooms } from './rooms.js';
import { Session, type SessionState } from './session.js';
import { safeStore } from './storage.js';
import { connectionView } from './view/connection.js';
import { conversationView } from './view/conversation.js';
import { avatar, byId } from './view/element.js';
import { loginView } from './view/login.js';
import { roomListView } from './view/room-list.js';

const SAVE_EVERY_MS = 2_000;
const DRAW_AFTER_MS = 16;
const BAD_ROOM_ID =
  'A room ID has 1 to 64 letters, digits, - and _. Paste it, or the whole link, or type @ and an account.';

const browser = safeStore(() => localStorage);
const tab = safeStore(() => sessionStorage);

/** Somebody logged in, or logging in. */
interface Visit {
  readonly account: string;
  readonly identity: Identity;
  readonly session: Session;
  readonly rooms: Rooms;
  readonly presence: Presence;
  /** Rooms joined just now, whose earlier messages are not here yet. */
  readonly fresh: Set<string>;
  entered: boolean;
  selected: string | undefined;
}

/** The page: connects what people do in the views with the session, and what the session says with the views. */
function startPage(): void {
  const chat = byId('chat', HTMLElement);
  let visit: Visit | undefined;
  let claiming = false;

  const login = loginView({
    onLogin: (account, password) => {
      if (visit !== undefined || claiming) return;
      claiming = true;
      login.show({ kind: 'connecting' });
      start(account, password)
        .catch((error: unknown) => login.show(undefined, textOf(error)))
        .finally(() => {
          claiming = false;
        });
    },
    onCancel: () => visit?.session.close(),
  });
  const showConnection = connectionView();
  const conversation = conversationView({
    onSend: (room, text) => send(room, text),
    onLeave: (room) => leave(room),
    onBack: () => showPane('rooms'),
    onAccount: (account) => talkTo(account),
  });
  const list = roomListView({
    onSelect: (id) => select(id),
    onCreate: (name) => {
      create(name).catch((error: unknown) => list.problem(textOf(error)));
    },
    onJoin: (typed) => {
      const id = roomIdFrom(typed);
      if (id === undefined) list.problem(BAD_ROOM_ID);
      else join(id);
    },
  });

  const showPane = (pane: 'rooms' | 'room') => {
    chat.dataset.pane = pane;
  };

  const render = () => {
    if (visit?.entered !== true) return;
    const { rooms, selected, account } = visit;
    // What is on the screen is read; what comes while the window is hidden is not.
    if (selected !== undefined && document.visibilityState === 'visible') rooms.read(selected);
    list.show(rooms.all(), selected);
    conversation.show(selected === undefined ? undefined : rooms.get(selected), account);
    const unread = rooms.all().reduce((sum, room) => sum + room.unread, 0);
    document.title = unread > 0 ? `(${unread}) Chat` : 'Chat';
  };

  // A burst of messages is drawn at once: redrawing for each would make a busy room slow.
  let drawing = false;
  const renderSoon = () => {
    if (drawing) return;
    drawing = true;
    setTimeout(() => {
      drawing = false;
      render();
    }, DRAW_AFTER_MS);
  };

  const start = async (account: string, password: string) => {
    const url = await mqttWebSocketUrl();
    if (url === undefined)
      throw new Error('This bridge has no chat: its mapping file does not set http.chat.');
    const identity = await claimIdentity(account, browser, tab);
    const rooms = new Rooms(account, browser, tab);
    const presence = new Presence({ url, clientId: identity.clientId, account, password });
    const session = new Session(
      {
        url,
        clientId: identity.clientId,
        account,
        password,
        onState: (state) => stateChanged(state),
        onMessage: (room, incoming) => {
          if (accountOf(room) !== undefined) rooms.writtenBy(room);
          if (rooms.received(room, incoming)) renderSoon();
        },
        onSubscribed: (room) => {
          showBefore(room).catch(() => conversation.problem('What was said before cannot be read now.'));
        },
        onAbout: (about) => {
          rooms.describe(about);
          renderSoon();
        },
        onMember: (room, member, online) => {
          if (member === account && !online) presence.sayAgain();
          rooms.member(room, member, online);
          renderSoon();
        },
        onSent: (room, id) => {
          rooms.sent(room, id);
          renderSoon();
        },
        onRoomRefused: (room, reason) => {
          rooms.refuse(room, reason);
          renderSoon();
        },
      },
      rooms.all().map(({ id }) => id),
    );
    visit = {
      account,
      identity,
      session,
      rooms,
      presence,
      fresh: new Set(),
      entered: false,
      selected: undefined,
    };
    for (const { room, message } of rooms.unsent()) session.send(room, message);
  };

  const stateChanged = (state: SessionState) => {
    if (state.kind === 'refused' || state.kind === 'closed') {
      end(state);
      return;
    }
    showConnection(state);
    // Whoever is there is told anew with the next connection, and who has gone meanwhile is not.
    if (state.kind === 'offline') visit?.rooms.forgetMembers();
    if (visit?.entered === true) return;
    if (state.kind === 'online') enter();
    else login.show(state);
  };

  const enter = () => {
    if (visit === undefined) return;
    visit.entered = true;
    login.hide();
    chat.hidden = false;
    byId('me', HTMLElement).replaceChildren(avatar(visit.account));
    byId('me-name', HTMLElement).textContent = visit.account;
    showPane('rooms');
    render();
    followLink();
  };

  const end = (state: SessionState) => {
    visit?.rooms.save();
    visit?.presence.enter(undefined);
    visit?.identity.release();
    visit = undefined;
    chat.hidden = true;
    document.title = 'Chat';
    login.show(state);
  };

  const select = (id: string) => {
    if (visit === undefined) return;
    if (visit.selected !== id) goTo(id);
    visit.rooms.read(id);
    list.problem('');
    history.replaceState(null, '', accountOf(id) === undefined ? `#room=${id}` : location.pathname);
    showPane('room');
    render();
    conversation.focus();
  };

  /** Says in the room that is on the screen that we are there, and hears who else is. */
  const goTo = (id: string | undefined) => {
    if (visit === undefined) return;
    visit.selected = id;
    visit.rooms.forgetMembers();
    const room = id !== undefined && accountOf(id) === undefined ? id : undefined;
    visit.session.watch(room);
    visit.presence.enter(room);
  };

  const talkTo = (account: string) => {
    const id = directId(account);
    if (id !== undefined && account !== visit?.account) join(id);
  };

  const join = (id: string, name?: string) => {
    if (visit === undefined) return;
    const isNew = visit.rooms.get(id) === undefined;
    if (!visit.rooms.join(id, name)) {
      list.problem('That is too many rooms. Leave one first.');
      return;
    }
    if (isNew) visit.fresh.add(id);
    visit.session.join(id);
    select(id);
  };

  /** To a newcomer; only once subscribed, so that nothing falls in between. */
  const showBefore = async (id: string) => {
    const { rooms, fresh } = visit ?? {};
    if (fresh?.delete(id) !== true) return;
    rooms?.before(id, await lastMessages(id));
    renderSoon();
  };

  const create = async (name: string) => {
    if (visit === undefined) return;
    const { account } = visit;
    const title = name.slice(0, MAX_ROOM_NAME) || `Room of ${account}`.slice(0, MAX_ROOM_NAME);
    const { id, announced } = await newRoom(title, account);
    if (visit?.account !== account) return;
    if (!announced)
      visit.session.describe({ id, name: title, createdBy: account, createdAt: new Date().toISOString() });
    join(id, title);
  };

  const leave = (id: string) => {
    if (visit === undefined) return;
    goTo(undefined);
    visit.session.leave(id);
    visit.rooms.leave(id);
    history.replaceState(null, '', location.pathname);
    showPane('rooms');
    render();
  };

  const send = (room: string, text: string): boolean => {
    if (visit === undefined) return false;
    const message = {
      id: uuid(),
      from: visit.account,
      text: text.slice(0, MAX_TEXT),
      sentAt: new Date().toISOString(),
    };
    if (!visit.session.send(room, message)) {
      conversation.problem('Too many messages wait for the broker. Try again when the connection is back.');
      return false;
    }
    conversation.problem('');
    visit.rooms.sending(room, message);
    render();
    return true;
  };

  const followLink = () => {
    const linked = /^#room=(.*)$/.exec(location.hash)?.[1];
    if (linked === undefined || visit?.entered !== true || visit.selected === linked) return;
    if (isRoomId(linked)) join(linked);
    else list.problem(`The link has no valid room ID. ${BAD_ROOM_ID}`);
  };

  byId('logout', HTMLButtonElement).addEventListener('click', () => visit?.session.close());
  window.addEventListener('hashchange', followLink);
  window.addEventListener('online', () => visit?.session.retryNow());
  document.addEventListener('visibilitychange', render);
  window.addEventListener('pagehide', () => visit?.rooms.save());
  setInterval(() => visit?.rooms.save(), SAVE_EVERY_MS);
  login.show(undefined, location.hash.startsWith('#room=') ? 'Log in to join the room.' : '');
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

startPage();
