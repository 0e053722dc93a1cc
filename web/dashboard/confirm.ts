import { byId } from '../view/element.js';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button for yes says. */
  readonly yes: string;
  readonly isDangerous: boolean;
}

/** Asks before something is done; resolves true for yes. Escape means no. */
export function confirmer(): (question: Question) => Promise<boolean> {
  const dialog = byId('confirm', HTMLDialogElement);
  const yes = byId('confirm-yes', HTMLButtonElement);
  return ({ title, text, yes: label, isDangerous }) => {
    byId('confirm-title', HTMLElement).textContent = title;
    byId('confirm-text', HTMLElement).textContent = text;
    yes.textContent = label;
    yes.classList.toggle('danger', isDangerous);
    dialog.returnValue = 'no';
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
    });
  };
}
