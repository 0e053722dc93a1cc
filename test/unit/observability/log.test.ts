import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLog, type Log, type LogFormat, type LogLevel } from '../../../bridge/observability/log.js';

/** Everything that a log of this kind writes. */
function written(format: LogFormat, level: LogLevel, use: (log: Log) => void): string {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  use(createLog(format, level, stream));
  return text;
}

describe('a log', () => {
  it('writes one JSON object a line, with time, level, event and fields', () => {
    const lines = written('json', 'info', (log) => {
      log.info('connected', { broker: 'mq', port: 1883 });
      log.warn('disconnected', { reason: 'line one\nline two' });
    }).split('\n');
    expect(lines).toHaveLength(3);
    const [first, second] = lines.slice(0, 2).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({ level: 'info', message: 'connected', broker: 'mq', port: 1883 });
    expect(Date.parse(String(first?.timestamp))).toBeGreaterThan(0);
    expect(second).toMatchObject({ level: 'warn', reason: 'line one\nline two' });
  });

  it('writes lines for people, in which no text of a message can move the cursor or forge a line', () => {
    const evil = 'x\n2026-01-01 INFO forged\u001b[2J\u009b2J\u202egnp.exe\u2028';
    const text = written('text', 'info', (log) => log.info('dead-lettered', { reason: evil, count: 2 }));
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(text).toMatch(
      /^\S+Z INFO {2}dead-lettered reason="x\\n2026-01-01 INFO forged\\u001b\[2J\\u009b2J/,
    );
    expect(text).toContain(' count=2\n');
  });

  it('leaves out what is less severe than asked for', () => {
    const text = written('text', 'warn', (log) => {
      log.debug('a');
      log.info('b');
      log.warn('c');
      log.error('d');
    });
    expect(text.split('\n').map((line) => line.split(' ').at(-1))).toEqual(['c', 'd', '']);
  });
});
