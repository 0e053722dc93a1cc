import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flavourOf } from '../../../../bridge/connectors/flavours/flavour.js';
import { isReservedHeader } from '../../../../bridge/connectors/flavours/stomp-headers.js';
import { framePieces, headersEnd } from '../../../../bridge/connectors/stomp/frame.js';
import { encodeSend } from '../../../../bridge/connectors/stomp/headers.js';
import { BridgeError } from '../../../../bridge/errors.js';
import type { OutboundMessage } from '../../../../bridge/message/message.js';
import { isSteeringProperty } from '../../../../bridge/message/steering.js';

const flavour = (type: 'activemq' | 'artemis') => {
  const { stomp } = flavourOf(type);
  if (stomp === undefined) throw new Error(`${type} has no STOMP section`);
  return stomp;
};
const TYPES = ['activemq', 'artemis'] as const;

const outbound = (over: Partial<OutboundMessage> = {}): OutboundMessage => ({
  to: { kind: 'queue', name: 'orders' },
  body: Buffer.from('hello'),
  properties: new Map(),
  persistent: true,
  timestamp: 0,
  id: 'ID:1',
  qos: 1,
  retain: false,
  ...over,
});

interface Frame {
  readonly command: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

/** Reads frames as STOMP 1.2 says it ("STOMP Frames", "Value Encoding", "Augmented BNF"), and nothing else. */
function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  const line = () => {
    const end = bytes.indexOf(0x0a, at);
    if (end === -1) throw new Error('a line without an end');
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, end));
    at = end + 1;
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  };
  while (at < bytes.length) {
    const command = line();
    if (command === '') continue;
    const headers: [string, string][] = [];
    for (let text = line(); text !== ''; text = line()) {
      const parts = text.split(':');
      if (parts.length !== 2) throw new Error(`not one colon in ${JSON.stringify(text)}`);
      headers.push([unescaped(parts[0] ?? ''), unescaped(parts[1] ?? '')]);
    }
    const length = headers.find(([name]) => name === 'content-length')?.[1];
    const end = length === undefined ? bytes.indexOf(0, at) : at + Number(length);
    if (bytes[end] !== 0) throw new Error('a frame without an end');
    frames.push({ command, headers, body: bytes.subarray(at, end) });
    at = end + 1;
  }
  return frames;
}

function unescaped(text: string): string {
  return text.replace(/\\(.?)/gs, (_, escaped: string) => {
    const plain = { r: '\r', n: '\n', c: ':', '\\': '\\' }[escaped];
    if (plain === undefined) throw new Error(`\\${escaped} is no escape`);
    return plain;
  });
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc
    .array(
      fc.constantFrom(
        '\r',
        '\n',
        ':',
        '\0',
        '\\',
        'n',
        'c',
        'x',
        '\n\n',
        '\0\nSEND\ndestination:/queue/evil\n\n',
      ),
    )
    .map((pieces) => pieces.join('')),
);
const anyName = fc.oneof(
  anyText,
  fc.constantFrom(
    'destination',
    'Content-Length',
    'receipt',
    'transaction',
    'persistent',
    'JMSXGroupID',
    'ActiveMQ.MQTT.QoS',
    '__proto__',
    'constructor',
    'room',
  ),
);
const anyMessage = fc.record({
  properties: fc.array(fc.tuple(anyName, anyText), { maxLength: 5 }).map((entries) => new Map(entries)),
  correlationId: anyText,
  type: anyText,
  group: anyText,
  body: fc.oneof(
    anyText,
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  ),
  to: fc.constantFrom({ kind: 'queue', name: 'q' } as const, { kind: 'topic', name: 't' } as const),
});

/** What UTF-8 makes of it. */
const carried = (text: string) => Buffer.from(text, 'utf8').toString('utf8');

describe.each(TYPES)('a SEND to %s', (type) => {
  it('is one frame with the headers of its message, each once, or is refused', () => {
    let sent = 0;
    fc.assert(
      fc.property(anyMessage, (fields) => {
        const send = sendOrRefusal(outbound(fields), type);
        if (send === undefined) return;
        sent++;
        const frames = readFrames(
          Buffer.concat(framePieces(send.start, headersEnd('receipt:r1\n'), send.body)),
        );
        expect(frames).toHaveLength(1);
        const [frame] = frames;
        const names = frame?.headers.map(([name]) => name) ?? [];
        expect(new Set(names).size).toBe(names.length);
        const headers = new Map(frame?.headers);
        expect(headers.get('destination')).toBe(
          type === 'activemq' ? `/${fields.to.kind}/${fields.to.name}` : fields.to.name,
        );
        expect(headers.get('receipt')).toBe('r1');
        expect(headers.get('persistent')).toBe('true');
        expect(headers.get('correlation-id')).toBe(carried(fields.correlationId));
        expect(headers.get('type')).toBe(carried(fields.type));
        expect(headers.get('JMSXGroupID')).toBe(carried(fields.group));
        const own = [...fields.properties].filter(
          ([name]) => name !== '' && !isReservedHeader(name) && !isSteeringProperty(name),
        );
        for (const [name, value] of own) expect(headers.get(name)).toBe(carried(value));
        for (const name of send.ours) headers.delete(name);
        expect([...headers.keys()].sort()).toEqual(own.map(([name]) => name).sort());
        expect(frame?.body).toEqual(Buffer.from(fields.body as string));
      }),
      { numRuns: 3_000 },
    );
    expect(sent).toBeGreaterThan(300);
  });

  it.each([
    ['a NUL in a value', { properties: new Map([['p', 'a\0b']]) }, /the NUL in "p"/],
    ['a NUL in a name', { properties: new Map([['a\0b', 'v']]) }, /the NUL in "a\\u0000b"/],
    ['a NUL in the type', { type: '\0' }, /the NUL in "type"/],
    [
      'too many headers',
      { properties: new Map(Array.from({ length: 1_000 }, (_, n) => [`p${n}`, 'v'])) },
      /takes 1000 headers, not 1\d\d\d/,
    ],
    ['a header that is too long', { properties: new Map([['p', 'ü'.repeat(50_000)]]) }, /"p" has 100002/],
  ] as const)('is refused for good with %s, and says what would do', (_, over, reason) => {
    const send = () => encodeSend(outbound(over), flavour(type));
    expect(send).toThrow(expect.objectContaining({ code: 'message-refused', transient: false }));
    expect(send).toThrow(reason);
    expect(send).toThrow(/; use `via: amqp`$/);
  });
});

describe('a SEND', () => {
  const refusal = (type: (typeof TYPES)[number], over: Partial<OutboundMessage>) => {
    try {
      encodeSend(outbound(over), flavour(type));
      return undefined;
    } catch (error) {
      return error instanceof BridgeError ? error.message : `not a BridgeError: ${String(error)}`;
    }
  };

  it('has no property whose name UTF-8 has no bytes for', () => {
    for (const type of TYPES)
      expect(refusal(type, { properties: new Map([['a\ud800', 'v']]) })).toBe(
        'UTF-8 has no bytes for the lone surrogate in "a\\ud800"',
      );
  });

  it('may have headers of 10,240 bytes on Classic, escaped, name and colon included', () => {
    const of = (value: string) => ({ properties: new Map([['p', value]]) });
    expect(refusal('activemq', of('x'.repeat(10_238)))).toBeUndefined();
    expect(refusal('activemq', of('x'.repeat(10_239)))).toMatch(/"p" has 10241/);
    expect(refusal('activemq', of(`:${'x'.repeat(10_237)}`))).toMatch(/"p" has 10241/);
    expect(refusal('activemq', of(`ü${'x'.repeat(10_237)}`))).toMatch(/"p" has 10241/);
    expect(refusal('artemis', of('x'.repeat(10_239)))).toBeUndefined();
  });

  it('may have 100,000 bytes of headers on Artemis', () => {
    const of = (count: number) => ({
      properties: new Map(Array.from({ length: count }, (_, n) => [`p${n}`, 'x'.repeat(9_990)])),
    });
    expect(refusal('artemis', of(9))).toBeUndefined();
    expect(refusal('artemis', of(11))).toMatch(/100000 bytes of headers, not 109\d{3}/);
    expect(refusal('activemq', of(11))).toBeUndefined();
  });

  it.each(['a:b', 'a\nb', 'a\rb', 'a\\b'])(
    'has no property %j on Classic, which keeps the escapes',
    (name) => {
      const over = { properties: new Map([[name, 'v']]) };
      expect(refusal('activemq', over)).toMatch(/does not keep the name of a property/);
      expect(refusal('artemis', over)).toBeUndefined();
    },
  );

  it('has no correlation id on Artemis that an AMQP consumer would never get', () => {
    const over = { correlationId: 'ID:AMQP_UUID:zz' };
    expect(refusal('artemis', over)).toMatch(/does not keep a correlation id like "ID:AMQP_UUID:zz"/);
    expect(refusal('activemq', over)).toBeUndefined();
    expect(refusal('artemis', { correlationId: 'AMQP_UUID:zz' })).toBeUndefined();
  });
});

/** What is sent, with the names of the headers that the message's properties did not make; undefined for a refusal. */
function sendOrRefusal(message: OutboundMessage, type: (typeof TYPES)[number]) {
  try {
    const send = encodeSend(message, flavour(type));
    const bare = encodeSend({ ...message, properties: new Map() }, flavour(type));
    const [, ...lines] = bare.start.toString('utf8').split('\n');
    const names = lines.map((line) => line.slice(0, line.indexOf(':')));
    return { ...send, ours: [...names, 'receipt'] };
  } catch (error) {
    expect(error).toMatchObject({ name: 'BridgeError', transient: false });
    return undefined;
  }
}
