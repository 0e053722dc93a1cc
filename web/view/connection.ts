import type { SessionState } from '../session.js';
import { byId } from './element.js';

/** Shows how the connection is: a sign at the account, and a bar over the room while it is not there. */
export function connectionView(): (state: SessionState) => void {
  const sign = byId('connection', HTMLElement);
  const bar = byId('connection-bar', HTMLElement);
  let wasOffline = '';
  return (state) => {
    sign.dataset.state = state.kind;
    sign.textContent = label(state);
    // While an attempt runs the reason of the last loss is still what matters.
    if (state.kind === 'offline') wasOffline = `${state.reason}. Reconnecting… What you send waits here.`;
    if (state.kind === 'online') wasOffline = '';
    bar.hidden = wasOffline === '';
    bar.textContent = wasOffline;
  };
}

function label(state: SessionState): string {
  switch (state.kind) {
    case 'connecting':
      return 'Connecting…';
    case 'online':
      return 'Connected';
    case 'offline':
      return 'Reconnecting…';
    case 'refused':
      return 'Refused';
    case 'closed':
      return 'Logged out';
  }
}
