// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have them
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterpolationError, interpolate } from '../../../bridge/config/interpolate.js';

const surroundings = {
  env: { HOST: 'broker', EMPTY: '', NESTED: '${HOST}' },
  readText: (path: string) =>
    path === '/secret' ? Promise.resolve('s3cret\n') : Promise.reject(new Error('no such file')),
};
const filled = async (text: string) => (await interpolate(text, surroundings)).text;

describe('interpolate', () => {
  it.each([
    ['mqtt://${HOST}:1', 'mqtt://broker:1'],
    ['${HOST}${HOST}', 'brokerbroker'],
    ['${NOT_SET:-usual}', 'usual'],
    ['${EMPTY:-usual}', 'usual'],
    ['${EMPTY}', ''],
    ['${NOT_SET:-}', ''],
    ['${file:/secret}', 's3cret'],
    ['$${HOST} costs $5', '${HOST} costs $5'],
    ['${NESTED}', '${HOST}'],
  ])('%s becomes %s', async (text, expected) => {
    expect(await filled(text)).toBe(expected);
  });

  it.each([
    ['x ${NOT_SET}', 2, /NOT_SET is not set/],
    ['x ${never', 2, /never closed/],
    ['${a-b}', 0, /is not \$\{NAME\}/],
    ['${toString}', 0, /toString is not set/],
    ['${file:/other}', 0, /"\/other" cannot be read/],
  ])('%s is refused at its place', async (text, offset, message) => {
    await expect(filled(text)).rejects.toMatchObject({ offset, message: expect.stringMatching(message) });
  });

  it('leaves text without ${ alone and otherwise throws nothing but its own error', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom('$', '{', '}', 'HOST', ':-', 'file:', ' ')).map((a) => a.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (source) => {
        try {
          const result = await filled(source);
          if (!source.includes('${')) expect(result).toBe(source);
        } catch (error) {
          expect(error).toBeInstanceOf(InterpolationError);
        }
      }),
    );
  });

  it('puts any value in as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
        const result = await interpolate('<${V}>', { ...surroundings, env: { V: value } });
        expect(result).toEqual({ text: `<${value}>`, inserted: [value] });
      }),
    );
  });
});
