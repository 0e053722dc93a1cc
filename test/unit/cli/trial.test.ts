import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../bridge/cli/program.js';

const RULES = `version: 1
brokers: { mq: { type: activemq, host: localhost } }
routes:
  loud:
    from: { mqtt: "chat/{room}/messages" }
    where: body.text.endsWith("!")
    to:
      - { topic: "rooms.{room}", properties: { length: "{size(body.text)}" } }
      - { queue: "shout.{body.to}" }
  off: { from: { mqtt: "chat/{room}/messages" }, to: { queue: never }, enabled: false }
  out: { from: { queue: outbox }, to: { mqtt: "chat/{properties.room}/messages", body: '{ {"text": body} }' } }
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-trial-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const mappingFile = () => join(folder, 'mapping.yaml');

async function cli(mapping: string, command: string, ...args: string[]) {
  const file = mappingFile();
  await writeFile(file, mapping);
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCli([command, file, ...args], {
    env: {},
    terminal: false,
    stop: AbortSignal.abort('SIGTERM'),
    onHangup: () => {},
    say: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { exitCode, out, err };
}

describe('a message that has passed bridges before', () => {
  const from = (hops: string) => [
    'queue:outbox',
    '--body',
    'hi',
    '--property',
    'room=r',
    '--property',
    `bridge_hops=${hops}`,
  ];

  it('is told with its count, and as a dead letter once it has passed too many', async () => {
    const { out } = await cli(RULES, 'explain', ...from('3'));
    expect(out).toContain('     property bridge_hops: 4');
    const { out: ended } = await cli(RULES, 'explain', ...from('8'));
    expect(ended.join('\n')).toMatch(
      /out: dead letter to queue bridge\.dead-letter: the message has passed 8 bridges/,
    );
  });

  it('is all the same to tests that say nothing of it', async () => {
    const tests = `tests:
  - given: { queue: outbox, body: hi, properties: { room: r, bridge_hops: 7 } }
    expect: [{ mqtt: chat/r/messages, properties: {} }]
  - given: { queue: outbox, body: hi, properties: { room: r, bridge_hops: 8 } }
    expect: [{ queue: bridge.dead-letter }]
`;
    expect((await cli(RULES + tests, 'test')).out).toContain('2 passed, 0 failed');
  });
});

describe('explain', () => {
  it('tells what each rule does, with captures, headers, bodies and dead letters', async () => {
    const { exitCode, out } = await cli(RULES, 'explain', 'chat/a.b/messages', '--body', '{"text":"hey!"}');
    expect(exitCode).toBe(0);
    expect(out).toEqual([
      'loud: takes it',
      '  room = "a.b"',
      '  -> topic rooms.a%2Eb on mq over stomp, TextMessage, persistent',
      '     property length: 4',
      '     body: {"text":"hey!"}',
      expect.stringMatching(
        /^ {2}-> dead letter to queue bridge\.dead-letter: the destination queue "shout\.\{body\.to\}" has no value/,
      ),
      'off: is turned off; it would read this address',
      'out: does not take it: it reads queue outbox',
    ]);
  });

  it('tells why where does not take it: which part is false, and of what', async () => {
    const { out } = await cli(
      RULES.replace('where: ', 'where: room != "x" && size(body.list) > 0 && '),
      'explain',
      'chat/lobby/messages',
      '--body',
      '{"text":"hey","list":[1]}',
    );
    expect(out.slice(0, 5)).toEqual([
      'loud: does not take it: where is false: room != "x" && size(body.list) > 0 && body.text.endsWith("!")',
      '  room = "lobby"',
      '  false: body.text.endsWith("!")',
      '  body.list = [1]',
      '  body.text = "hey"',
    ]);
    expect(out.at(-1)).toBe(
      'no route takes chat/lobby/messages; the nearest is loud: it reads this address, but its where is false',
    );
  });

  it('tells what a where looks for and does not find', async () => {
    const { out } = await cli(RULES, 'explain', 'chat/lobby/messages', '--body', '{"txt":"hey"}');
    expect(out.slice(0, 3)).toEqual([
      expect.stringMatching(/^loud: dead letter to queue bridge\.dead-letter: where .* is missing/),
      '  room = "lobby"',
      '  body.text is not there',
    ]);
  });

  it('knows that a JMS topic is an MQTT topic, and a plain MQTT broker’s is not', async () => {
    const args = ['explain', 'topic:chat.lobby.messages', '--body', '{"text":"hey!"}'];
    expect((await cli(RULES, args[0] ?? '', ...args.slice(1))).out[0]).toBe('loud: takes it');
    const plain = `version: 1
brokers: { mq: { type: mqtt, host: localhost } }
routes: { loud: { from: { mqtt: "chat/{room}/messages" }, to: { mqtt: "loud/{room}/{body.to}" } } }
`;
    expect((await cli(plain, args[0] ?? '', ...args.slice(1))).out[0]).toBe(
      'loud: does not take it: it reads mqtt chat/{room}/messages',
    );
    // Nor has it queues for dead letters.
    expect((await cli(plain, 'explain', 'chat/lobby/messages')).out.at(-1)).toMatch(
      /^ {2}-> dead letter to mqtt bridge\/dead-letter: the destination/,
    );
  });

  it('takes headers, and leaves out properties that steer brokers', async () => {
    const rules = `version: 1
brokers: { mq: { type: artemis, host: localhost } }
routes:
  r:
    from: { queue: in }
    orderBy: "{message.group}"
    to: { queue: "out-{message.type}", priority: 7, ttl: 5s, correlationId: "{message.correlationId}", properties: { n: "{properties.n}", x: "{properties._AMQ_X}" } }
`;
    const { out, err } = await cli(
      rules,
      'explain',
      'queue:in',
      ...['--header', 'type=order', 'correlationId=17', 'group=g', '--property', 'n=5', '_AMQ_X=1'],
    );
    expect(err).toEqual([expect.stringMatching(/^the property _AMQ_X steers brokers/)]);
    expect(out).toEqual([
      'r: takes it',
      '  order key: "g"',
      '  -> queue out-order on mq over amqp, TextMessage, persistent',
      '     correlationId: 17',
      '     priority: 7',
      '     ttl: 5000',
      '     property n: 5',
      '     property x: left out, {properties._AMQ_X} has no value here',
      '     body: empty',
    ]);
  });

  it('finds the broker by itself where only one reads the address', async () => {
    const rules = `version: 1
brokers: { one: { type: activemq, host: a }, two: { type: mqtt, host: b }, three: { type: mqtt, host: c } }
routes:
  a: { from: { broker: one, mqtt: "a/{x}" }, to: { broker: one, queue: out } }
  b: { from: { broker: two, mqtt: "b/{x}" }, to: { broker: one, queue: out } }
`;
    const { exitCode, out } = await cli(rules, 'explain', 'b/1');
    expect(exitCode).toBe(0);
    expect(out.slice(0, 2)).toEqual(['a: does not take it: it reads from the broker one', 'b: takes it']);
    const unclear = await cli(rules, 'explain', 'c/1');
    expect(unclear.exitCode).toBe(2);
    expect(unclear.err.join()).toContain(
      'say which broker it comes from: --broker one, --broker two, --broker three',
    );
    const other = await cli(rules, 'explain', 'b/1', '--broker', 'one');
    expect(other.out.at(-1)).toBe(
      'no route takes b/1; the nearest is b: it reads mqtt b/{x} on the broker two',
    );
  });

  it('of many rules tells only those that come near', async () => {
    const many = Array.from(
      { length: 50 },
      (_, i) => `  r${i}: { from: { mqtt: "c/${i}/x" }, to: { queue: q${i} } }`,
    );
    const rules = `version: 1\nbrokers: { mq: { type: activemq, host: a } }\nroutes:\n${many.join('\n')}\n`;
    const { out } = await cli(rules, 'explain', 'c/7/x');
    expect(out).toHaveLength(5 + 3 + 1);
    expect(out).toContain('r7: takes it');
    expect(out.at(-1)).toBe('44 more routes do not take it: they read other addresses');
  });

  it('reads the properties of MQTT 5 as text, and shows what goes along', async () => {
    const rules = `version: 1
brokers: { edge: { type: mqtt, host: localhost, mqttVersion: 5 } }
routes:
  r:
    from: { mqtt: "in/{x}" }
    where: properties.n == "5"
    to: { mqtt: "out/{x}", properties: { n: "{properties.n}" }, correlationId: "{x}-1", ttl: 5s }
`;
    const { out } = await cli(rules, 'explain', 'in/a', '--body', 'hi', '--property', 'n=5');
    expect(out).toEqual([
      'r: takes it',
      '  x = "a"',
      '  -> mqtt out/a on edge over mqtt, QoS 1',
      '     correlationId: a-1',
      '     ttl: 5000',
      '     property n: "5"',
      '     body: hi',
    ]);
  });

  it('reads typed properties and other kinds of address', async () => {
    const { out } = await cli(RULES, 'explain', 'queue:outbox', '--property', 'room=lobby', '--body', 'hi');
    expect(out.slice(-3)).toEqual([
      'out: takes it',
      '  -> mqtt chat/lobby/messages on mq over stomp, QoS 1',
      '     body: {"text":"hi"}',
    ]);
  });

  it.each([
    ['outbox', 'out: it reads queue outbox, and this is an MQTT topic: write queue:outbox'],
    ['$SYS/lobby/messages', 'loud: it reads mqtt chat/{room}/messages; level 1 is "$SYS", not "chat"'],
  ])('of %s says what it would be by', async (address, nearest) => {
    const { out } = await cli(RULES, 'explain', address);
    expect(out.at(-1)).toBe(`no route takes ${address}; the nearest is ${nearest}`);
  });

  it('names the rule that came nearest when none takes it', async () => {
    const { out } = await cli(RULES, 'explain', 'chat/lobby/about');
    expect(out.at(-1)).toBe(
      'no route takes chat/lobby/about; the nearest is loud: it reads mqtt chat/{room}/messages; level 3 is "about", not "messages"',
    );
  });

  it.each([
    [['a', '--broker', 'nq'], 'there is no broker "nq"; did you mean "mq"?'],
    [['queue:'], 'an address has a name'],
    [['a', '--property', 'n'], 'write name=value'],
    [['a', '--header', 'typ=x'], 'a message has no "typ"; did you mean "type"?'],
    [['a', '--header', 'qos=high'], '--header qos: it is a number, not "high"'],
  ])('refuses %j as wrong use', async (args, words) => {
    const { exitCode, err } = await cli(RULES, 'explain', ...args);
    expect(exitCode).toBe(2);
    expect(err.join('\n')).toContain(words);
  });
});

describe('test', () => {
  const withTests = (tests: string) => `${RULES}tests:\n${tests}`;
  const given = '{ mqtt: chat/lobby/messages, body: { text: "hey!", to: x } }';

  it('passes when all that comes out was expected, and names rules without a test', async () => {
    const { exitCode, out } = await cli(
      withTests(
        `  - given: ${given}\n    expect: [{ queue: shout.x, body: { text: "hey!", to: x } }, { topic: rooms.lobby, properties: { length: 4 } }]\n`,
      ),
      'test',
    );
    expect(out).toEqual([
      'ok   test 1: mqtt chat/lobby/messages',
      '1 passed, 0 failed',
      'no test makes a message go through out',
    ]);
    expect(exitCode).toBe(0);
  });

  it('prints every difference', async () => {
    const { exitCode, out } = await cli(
      withTests(`  - name: shouting
    given: ${given}
    expect: [{ topic: rooms.lobby, properties: { length: 5 }, body: { text: hey, to: x }, persistent: false }, { queue: y }]
  - name: whispering
    given: { mqtt: chat/lobby/messages, body: { text: hey } }
    expect: []
`),
      'test',
    );
    expect(out).toEqual([
      `FAIL shouting (${mappingFile()}:13)`,
      '     topic rooms.lobby is not as expected:',
      '       persistent: expected false',
      '                        got true',
      '       property length: expected 5',
      '                             got 4',
      '       body.text: expected "hey"',
      '                       got "hey!"',
      '     nothing comes to queue y',
      '       off: is turned off; it would read this address',
      '     not expected: queue shout.x',
      '       its body: {"text":"hey!","to":"x"}',
      'ok   whispering',
      '1 passed, 1 failed',
      'no test makes a message go through out',
    ]);
    expect(exitCode).toBe(1);
  });

  it('takes a dead letter for what comes out', async () => {
    const tests = `  - given: { queue: outbox, body: hi }\n    expect: [{ queue: bridge.dead-letter }]\n`;
    expect((await cli(withTests(tests), 'test')).out[0]).toMatch(/^ok/);
    const unexpected = `  - given: { queue: outbox, body: hi }\n    expect: []\n`;
    expect((await cli(withTests(unexpected), 'test')).out[1]).toMatch(
      /^ {5}not expected: a dead letter \(queue bridge\.dead-letter\): the destination mqtt/,
    );
  });

  it('says why nothing comes', async () => {
    const tests = `  - given: { mqtt: chat/lobby/messages, body: { text: hey } }\n    expect: [{ topic: rooms.lobby }]\n`;
    expect((await cli(withTests(tests), 'test')).out.slice(1, 6)).toEqual([
      '     nothing comes to topic rooms.lobby',
      '       loud: does not take it: where is false: body.text.endsWith("!")',
      '         room = "lobby"',
      '         body.text = "hey"',
      '       off: is turned off; it would read this address',
    ]);
  });

  describe('in a file of their own', () => {
    const beside = () => mappingFile().replace('.yaml', '.test.yaml');
    afterEach(() => rm(beside(), { force: true }));

    it('are run after those of the mapping file, and each failure says where it stands', async () => {
      const inside = `  - given: { queue: outbox, body: hi }\n    expect: []\n`;
      await writeFile(
        beside(),
        `tests:\n  - { name: apart, given: ${given}, expect: [] }\n  - { given: { queue: none }, expect: [] }\n`,
      );
      const { exitCode, out, err } = await cli(withTests(inside), 'test');
      expect(err).toEqual([]);
      expect(exitCode).toBe(1);
      expect(out.filter((line) => !line.startsWith(' '))).toEqual([
        `FAIL test 1: queue outbox (${mappingFile()}:13)`,
        `FAIL apart (${beside()}:2)`,
        'ok   test 2: queue none',
        '1 passed, 2 failed',
        'no test makes a message go through out',
      ]);
    });

    it('have diagnostics of their own, and no test is run then', async () => {
      await writeFile(
        beside(),
        'version: 1\ntests:\n  - { given: { mqtt: a/b, borker: mq }, expect: [{ queue: a, broker: nq }, {}] }\n',
      );
      const { exitCode, out, err } = await cli(RULES, 'test');
      expect(exitCode).toBe(2);
      expect(out).toEqual([]);
      expect(err.map((lines) => lines.split('\n')[0])).toEqual([
        `${beside()}:1:1: error: unknown key "version"; known here: tests`,
        `${beside()}:3:27: error: unknown key "borker"; did you mean "broker"?`,
        `${beside()}:3:70: error: there is no broker "nq"; did you mean "mq"?`,
        `${beside()}:3:76: error: a message of a test has exactly one of "mqtt", "queue" and "topic"`,
        `error: ${beside()}: not a valid file of tests; no test was run`,
      ]);
      expect(err[0]).toContain('\n  version: 1\n  ^');
    });

    it('need a list', async () => {
      await writeFile(beside(), '{}\n');
      const { exitCode, err } = await cli(RULES, 'test');
      expect(exitCode).toBe(2);
      expect(err[0]).toContain('error: "tests" is missing; it lists messages');
    });

    it('are not named by the user', async () => {
      const out: string[] = [];
      const stop = AbortSignal.abort('SIGTERM');
      const say = (line: string) => void out.push(line);
      const exitCode = await runCli(['test', 'chat.test.yml'], {
        env: {},
        terminal: false,
        stop,
        onHangup: () => {},
        say,
        complain: say,
      });
      expect(exitCode).toBe(2);
      expect(out.join()).toContain(
        'chat.test.yml holds tests; name the mapping file that they are for: chat.yml',
      );
    });
  });

  it('fails on a file without tests', async () => {
    const { exitCode, err } = await cli(RULES, 'test');
    expect(exitCode).toBe(1);
    expect(err.join()).toContain('has no tests');
  });
});
