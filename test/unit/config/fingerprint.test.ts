import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../bridge/config/fingerprint.js';
import { parseConfig } from '../../../bridge/config/load.js';

const BASE = `version: 1
brokers:
  mq: { type: activemq, host: localhost, username: u, password: p, clientId: c, lanes: 2 }
routes:
  r:
    from: { queue: in, selector: "a = 1", via: amqp }
    where: body.n > 1
    to:
      - { queue: "out.{body.n}", properties: { a: "{body.a}", b: "x" }, priority: 3, ttl: 1m, group: "{body.g}" }
    orderBy: "{body.o}"
    dedupe: "{body.id}"
    limits: { rate: 5 }
    retry: { attempts: 2 }
    deadLetter: dead
    reply: { from: { queue: answers }, to: { queue: "back.{x}" }, within: 5s }
`;

async function fingerprintOf(text: string): Promise<string> {
  const loaded = await parseConfig(text, 'm.yaml', {}, () => Promise.reject(new Error('no files')));
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join('; '));
  const { brokers, routes } = loaded.config;
  return fingerprint(routes, [...brokers.values()]);
}

describe('a fingerprint', () => {
  it('is the same for the same rules, whatever their form', async () => {
    const spaced = BASE.replace('{ queue: in, selector', '{ queue:   in,   selector').replace(
      'a: "{body.a}"',
      "a: '{body.a}'",
    );
    const reordered = BASE.replace('{ a: "{body.a}", b: "x" }', '{ b: "x", a: "{body.a}" }');
    const base = await fingerprintOf(BASE);
    expect(await fingerprintOf(spaced)).toBe(base);
    expect(await fingerprintOf(reordered)).toBe(base);
    expect(base).not.toContain('p');
  });

  it.each([
    ['a password', 'password: p', 'password: q'],
    ['lanes', 'lanes: 2', 'lanes: 3'],
    ['a host', 'host: localhost', 'host: other'],
    ['a name', 'queue: in', 'queue: other'],
    ['a kind of source', 'queue: in,', 'topic: in,'],
    ['a selector', 'a = 1', 'a = 2'],
    ['a protocol', 'via: amqp', 'via: stomp'],
    ['where', 'body.n > 1', 'body.n > 2'],
    ['a destination', 'out.{body.n}', 'out.{body.m}'],
    ['a kind of destination', '{ queue: "out', '{ topic: "out'],
    ['a property', '"{body.a}"', '"{body.b}"'],
    ['a constant', 'b: "x"', 'b: "y"'],
    ['a priority', 'priority: 3', 'priority: 4'],
    ['a time to live', 'ttl: 1m', 'ttl: 2m'],
    ['orderBy', '{body.o}', '{body.p}'],
    ['dedupe', '{body.id}', '{body.ID}'],
    ['a limit', 'rate: 5', 'rate: 6'],
    ['attempts', 'attempts: 2', 'attempts: 3'],
    ['a dead-letter queue', 'deadLetter: dead', 'deadLetter: other'],
    ['where answers come', 'queue: answers', 'queue: other'],
    ['where answers may go', 'back.{x}', 'front.{x}'],
    ['the kind of where answers may go', '{ queue: "back', '{ topic: "back'],
    ['how long answers may take', 'within: 5s', 'within: 6s'],
  ])('is another one for another %s', async (_, from, to) => {
    expect(BASE).toContain(from);
    expect(await fingerprintOf(BASE.replace(from, to))).not.toBe(await fingerprintOf(BASE));
  });
});
