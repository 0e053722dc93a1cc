import type { SessionState } from '../session.js';
import { byId } from './element.js';

export interface LoginView {
  show(state: SessionState | undefined, note?: string): void;
  hide(): void;
}

export interface LoginHandlers {
  readonly onLogin: (account: string, password: string) => void;
  readonly onCancel: () => void;
}

/** The login card: asks for account and password, and says why the broker refused them. */
export function loginView({ onLogin, onCancel }: LoginHandlers): LoginView {
  const section = byId('login', HTMLElement);
  const form = byId('login-form', HTMLFormElement);
  const account = byId('account', HTMLInputElement);
  const password = byId('password', HTMLInputElement);
  const submit = byId('login-submit', HTMLButtonElement);
  const cancel = byId('login-cancel', HTMLButtonElement);
  const problem = byId('login-problem', HTMLElement);
  const note = byId('login-note', HTMLElement);

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (account.value.trim() !== '' && password.value !== '') onLogin(account.value.trim(), password.value);
  });
  cancel.addEventListener('click', onCancel);

  return {
    show(state, text) {
      section.hidden = false;
      const busy = state?.kind === 'connecting' || state?.kind === 'offline';
      submit.disabled = busy;
      submit.textContent = busy ? 'Connecting…' : 'Log in';
      account.readOnly = busy;
      password.readOnly = busy;
      cancel.hidden = !busy;
      problem.textContent = problemText(state);
      note.textContent = text ?? '';
      if (state?.kind === 'refused') password.select();
      else if (!busy) account.focus();
    },
    hide() {
      section.hidden = true;
      password.value = '';
    },
  };
}

function problemText(state: SessionState | undefined): string {
  switch (state?.kind) {
    case 'refused':
      return `The broker refused this login: ${state.reason}. Check account and password.`;
    case 'offline':
      return `${state.reason}. Trying again…`;
    default:
      return '';
  }
}
