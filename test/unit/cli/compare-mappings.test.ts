import { describe, expect, it } from 'vitest';
import { compareMappings, isSame } from '../../../bridge/cli/compare-mappings.js';
import { compareRouting } from '../../../bridge/cli/compare-routing.js';
import { parseConfig } from '../../../bridge/config/load.js';

async function load(routes: string) {
  const text = `version: 1\nbrokers: { mq: { type: activemq, host: localhost } }\nroutes:\n${routes}`;
  const result = await parseConfig(text, 'm.yaml', {}, () => Promise.reject(new Error('no file')));
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('; '));
  return { config: result.config, written: result.written() };
}

describe('compareMappings', () => {
  it('tells two destinations of one place apart', async () => {
    const old = await load(
      '  r: { from: { mqtt: a }, to: [{ queue: q, body: x }, { queue: q, body: y }] }\n',
    );
    const now = await load(
      '  r: { from: { mqtt: a }, to: [{ queue: q, body: x }, { queue: q, body: z }] }\n',
    );
    expect(compareMappings(old.written, now.written).routes.changed).toEqual([
      {
        name: 'r',
        keys: [],
        toAdded: [],
        toGone: [],
        toChanged: [{ name: 'queue q (2)', keys: [{ key: 'body', hidden: false, old: 'y', new: 'z' }] }],
      },
    ]);
  });

  it('pairs each renamed route with one other', async () => {
    const old = await load(
      '  a: { from: { mqtt: x }, to: { queue: q } }\n  b: { from: { mqtt: x }, to: { queue: q } }\n',
    );
    const now = await load('  c: { from: { mqtt: x }, to: { queue: q } }\n');
    const { routes } = compareMappings(old.written, now.written);
    expect(routes.renamed).toHaveLength(1);
    expect([...routes.gone, ...routes.added]).toHaveLength(1);
  });

  it('hides values by the name of their key', async () => {
    const old = await load('  r: { from: { mqtt: x }, to: { queue: q, properties: { apiToken: one } } }\n');
    const now = await load('  r: { from: { mqtt: x }, to: { queue: q, properties: { apiToken: two } } }\n');
    expect(compareMappings(old.written, now.written).routes.changed[0]?.toChanged).toEqual([
      { name: 'queue q', keys: [{ key: 'properties.apiToken', hidden: true }] },
    ]);
  });
});

describe('compareRouting', () => {
  it('looks at one address for each pattern, of a level that no pattern names', async () => {
    const old = await load(
      '  wide: { from: { mqtt: "a/{x}" }, to: { queue: q } }\n  any: { from: { mqtt: a/any }, to: { queue: p } }\n',
    );
    const now = await load(
      '  wide: { from: { mqtt: "a/{x...}" }, to: { queue: q } }\n  any: { from: { mqtt: a/any }, to: { queue: p } }\n',
    );
    // `a/{x...}` takes what `a/{x}` took; a deeper address is another one.
    expect(compareRouting(old.config, now.config)).toEqual([
      {
        kind: 'mqtt',
        pattern: 'a/{x...} (several levels)',
        broker: 'mq',
        old: [],
        new: [{ route: 'wide', does: 'queue q' }],
      },
    ]);
    const gone = await load('  any: { from: { mqtt: a/any }, to: { queue: p } }\n');
    expect(compareRouting(old.config, gone.config)).toEqual([
      {
        kind: 'mqtt',
        pattern: 'a/{x}',
        broker: 'mq',
        old: [{ route: 'wide', does: 'queue q' }],
        new: [],
      },
      {
        kind: 'mqtt',
        pattern: 'a/any',
        broker: 'mq',
        old: [
          { route: 'any', does: 'queue p' },
          { route: 'wide', does: 'queue q' },
        ],
        new: [{ route: 'any', does: 'queue p' }],
      },
    ]);
  });
});

it('three thousand routes are compared without comparing each with each', async () => {
  const routes = (suffix: string) =>
    Array.from(
      { length: 3_000 },
      (_, i) => `  r${i}${suffix}: { from: { mqtt: c/${i} }, to: { queue: q.${i} } }\n`,
    ).join('');
  const [old, now] = [await load(routes('')), await load(routes('x'))];
  const comparison = compareMappings(old.written, now.written);
  expect(isSame(comparison)).toBe(false);
  expect(comparison.routes.renamed).toHaveLength(3_000);
  expect(compareRouting(old.config, now.config)).toHaveLength(3_000);
});
