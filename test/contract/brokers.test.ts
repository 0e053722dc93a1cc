import { connect, connectAsync, type IClientOptions } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  startArtemis,
  startClassic,
  startMosquitto,
  type TestBroker,
} from '../support/brokers.js';

const brokers = { Classic: startClassic, Artemis: startArtemis, Mosquitto: startMosquitto };

const logIn = (url: string, { username, password }: Account, more: IClientOptions = {}) =>
  connectAsync(url, { username, password, reconnectPeriod: 0, ...more });

describe.each(Object.entries(brokers))('%s, as the tests start it', (_, start) => {
  let broker: TestBroker;
  const url = () => `mqtt://${broker.host}:${broker.ports.mqtt}`;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker.stop());

  it.each(['bridge', 'ann', 'bob'] as const)('takes the account %s', async (name) => {
    const client = await logIn(url(), broker.accounts[name]);
    await client.endAsync();
  });

  it('refuses a wrong password, and no account at all', async () => {
    const wrong = logIn(url(), { username: 'ann', password: 'wrong' });
    await expect(wrong).rejects.toThrow(/not authorized/i);
    await expect(connectAsync(url(), { reconnectPeriod: 0 })).rejects.toThrow(/not authorized/i);
  });

  it('keeps a session and its messages when it is killed and started again', async () => {
    const session: IClientOptions = { clientId: 'brokers-test-member', clean: false };
    const member = await logIn(url(), broker.accounts.ann, session);
    await member.subscribeAsync('brokers-test/room', { qos: 1 });
    await member.endAsync();
    const sender = await logIn(url(), broker.accounts.bob);
    await sender.publishAsync('brokers-test/room', 'while you were away', { qos: 1 });
    await sender.endAsync();

    await broker.kill();
    await broker.restart();

    // The broker may send as soon as it has answered: the listener must be there before.
    const back = connect(url(), { ...broker.accounts.ann, ...session, reconnectPeriod: 0 });
    const arrived = new Promise<string>((resolve, reject) => {
      back.on('message', (_topic, payload) => resolve(payload.toString()));
      back.on('error', reject);
    });
    expect(await arrived).toBe('while you were away');
    await back.endAsync();
  });
});
