import { describe, expect, it } from 'vitest';
import { bridgeLogin, parseAccounts } from '../../../bridge/launch/accounts.js';

describe('parseAccounts', () => {
  it('reads name=password lines and skips comments and blank lines', () => {
    expect(parseAccounts('# for trying out\n\nann=try=me\r\n bob : x\n!old=1\nbridge=b')).toEqual([
      { username: 'ann', password: 'try=me' },
      { username: 'bob', password: 'x' },
      { username: 'bridge', password: 'b' },
    ]);
  });
});

describe('bridgeLogin', () => {
  const accounts = [{ username: 'bridge', password: 'b' }];

  it('is the try-out account unless the environment says otherwise', () => {
    expect(bridgeLogin({}, accounts)).toEqual({ username: 'bridge', password: 'b' });
    expect(bridgeLogin({ ACTIVEMQ_PASSWORD: 'c' }, accounts)).toEqual({ username: 'bridge', password: 'c' });
    const own = { ACTIVEMQ_USERNAME: 'me', ACTIVEMQ_PASSWORD: 'c' };
    expect(bridgeLogin(own, accounts)).toEqual({ username: 'me', password: 'c' });
  });

  it('refuses a name without a password, and what would break a STOMP header, without showing the password', () => {
    expect(() => bridgeLogin({ ACTIVEMQ_USERNAME: 'me' }, accounts)).toThrow('ACTIVEMQ_PASSWORD is not');
    const broken = { ACTIVEMQ_PASSWORD: 'top\nsecret' };
    expect(() => bridgeLogin(broken, accounts)).toThrow(/^ACTIVEMQ_USERNAME and ACTIVEMQ_PASSWORD must not/);
  });
});
