import { readFile } from 'node:fs/promises';
import { asBridgeError, BridgeError } from '../errors.js';

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** The accounts of a Java properties file `name=password`, as ActiveMQ's login module reads it. */
export function parseAccounts(text: string): Account[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*([^\s#!=:][^\s=:]*)\s*[=:]\s*(.*)$/.exec(line);
    return match === null ? [] : [{ username: match[1] ?? '', password: match[2] ?? '' }];
  });
}

/** @throws BridgeError missing-prerequisite when the file cannot be read */
export async function readAccounts(file: string): Promise<Account[]> {
  try {
    return parseAccounts(await readFile(file, 'utf8'));
  } catch (error) {
    throw asBridgeError(error, 'missing-prerequisite', "cannot read the broker's accounts");
  }
}

/** Line breaks and NUL would end a STOMP header; no broker account needs them. */
const UNSAFE = /[\r\n\0]/;

/**
 * The login of the bridge: what the environment says, else the try-out account `bridge`.
 * @throws BridgeError configuration-invalid when there is a name and no password for it
 */
export function bridgeLogin(env: NodeJS.ProcessEnv, accounts: readonly Account[]): Account {
  const username = env.ACTIVEMQ_USERNAME || 'bridge';
  const password =
    env.ACTIVEMQ_PASSWORD || accounts.find((account) => account.username === username)?.password;
  if (password === undefined) {
    throw new BridgeError('configuration-invalid', 'ACTIVEMQ_USERNAME is set, but ACTIVEMQ_PASSWORD is not');
  }
  if (UNSAFE.test(username) || UNSAFE.test(password)) {
    const what = 'ACTIVEMQ_USERNAME and ACTIVEMQ_PASSWORD must not hold line breaks';
    throw new BridgeError('configuration-invalid', what);
  }
  return { username, password };
}
