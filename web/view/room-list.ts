import { accountOf } from '../protocol.js';
import type { Room } from '../rooms.js';
import { byId, make } from './element.js';

export interface RoomListHandlers {
  readonly onSelect: (id: string) => void;
  readonly onCreate: (name: string) => void;
  readonly onJoin: (typed: string) => void;
}

export interface RoomListView {
  show(rooms: readonly Room[], selected: string | undefined): void;
  /** Says what was wrong with what was typed; an empty text takes it away. */
  problem(text: string): void;
}

export const roomTitle = ({ id, name }: Room): string => accountOf(id) ?? name ?? `Room ${id}`;

/** `#` for a room, `@` for a conversation with one account. */
const signOf = (id: string): string => (accountOf(id) === undefined ? '#' : '@');

/** The list of joined rooms with the forms to create one and to join one. */
export function roomListView({ onSelect, onCreate, onJoin }: RoomListHandlers): RoomListView {
  const list = byId('rooms', HTMLUListElement);
  const empty = byId('rooms-empty', HTMLElement);
  const problem = byId('rooms-problem', HTMLElement);
  const create = byId('create-name', HTMLInputElement);
  const join = byId('join-id', HTMLInputElement);

  byId('create-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    onCreate(create.value.trim());
    create.value = '';
  });
  byId('join-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    onJoin(join.value);
  });

  const item = (room: Room, selected: boolean): HTMLLIElement => {
    const name = make('span', 'room-name', roomTitle(room));
    const button = make('button', 'room', make('span', 'room-sign', signOf(room.id)), name);
    button.type = 'button';
    button.dataset.room = room.id;
    if (selected) button.setAttribute('aria-current', 'true');
    if (room.unread > 0) {
      const count = make('span', 'unread', room.unread > 99 ? '99+' : String(room.unread));
      count.setAttribute('aria-label', `${room.unread} unread`);
      button.append(count);
    }
    button.addEventListener('click', () => onSelect(room.id));
    return make('li', '', button);
  };

  return {
    show(rooms, selected) {
      const focused = list.contains(document.activeElement)
        ? document.activeElement?.closest<HTMLElement>('[data-room]')?.dataset.room
        : undefined;
      list.replaceChildren(...rooms.map((room) => item(room, room.id === selected)));
      empty.hidden = rooms.length > 0;
      for (const button of list.querySelectorAll<HTMLElement>('[data-room]')) {
        if (button.dataset.room === focused) button.focus();
      }
    },
    problem(text) {
      problem.textContent = text;
      if (text === '') join.value = '';
    },
  };
}
