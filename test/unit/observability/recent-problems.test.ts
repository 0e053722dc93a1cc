import { describe, expect, it } from 'vitest';
import { type Fields, silentLog } from '../../../bridge/observability/log.js';
import { RecentProblems } from '../../../bridge/observability/recent-problems.js';

describe('recent problems', () => {
  it('are the warnings and errors of a log that goes on as before', () => {
    const lines: unknown[] = [];
    const note = (level: string) => (event: string, fields?: Fields) =>
      void lines.push([level, event, fields]);
    const problems = new RecentProblems();
    const log = problems.alsoFor({
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
    });
    log.debug('a');
    log.info('b', { x: 1 });
    log.warn('c', { broker: 'mq' });
    log.error('d');
    expect(lines).toEqual([
      ['debug', 'a', undefined],
      ['info', 'b', { x: 1 }],
      ['warn', 'c', { broker: 'mq' }],
      ['error', 'd', {}],
    ]);
    expect(problems.list()).toMatchObject([
      { level: 'error', event: 'd', fields: {}, count: 1, at: expect.stringMatching(/Z$/) },
      { level: 'warn', event: 'c', fields: { broker: 'mq' }, count: 1 },
    ]);
  });

  it('that are the same are counted, told as the last time, and come first again', () => {
    const problems = new RecentProblems();
    const log = problems.alsoFor(silentLog);
    const letter = (reason: string, route = 'a') => log.warn('dead-lettered', { route, code: 'x', reason });
    letter('one');
    letter('two', 'b');
    letter('three');
    expect(problems.list()).toMatchObject([
      { fields: { route: 'a', reason: 'three' }, count: 2 },
      { fields: { route: 'b', reason: 'two' }, count: 1 },
    ]);
  });

  it('are the last ones only, and not as long as somebody likes', () => {
    const problems = new RecentProblems(100);
    const log = problems.alsoFor(silentLog);
    for (let n = 0; n < 1_000; n++) log.warn('mapping.note', { text: `${n} ${'x'.repeat(10_000)}` });
    const list = problems.list();
    expect(list).toHaveLength(100);
    expect(list[0]?.fields.text).toMatch(/^999 x{496}…$/);
  });
});
