// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have them
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterpolationError, interpolate, withoutFiles } from '../../../bridge/config/interpolate.js';

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

  describe('of a variable whose value is in a file', () => {
    const from = (env: NodeJS.ProcessEnv) =>
      interpolate('x ${PASSWORD:-none}', { ...surroundings, env }).then(({ text }) => text);

    it('takes what stands there, without the line end', async () => {
      expect(await from({ PASSWORD_FILE: '/secret' })).toBe('x s3cret');
      expect(await from({ PASSWORD_FILE: '/secret', PASSWORD: '' })).toBe('x s3cret');
    });

    it('takes an empty NAME_FILE as none', async () => {
      expect(await from({ PASSWORD_FILE: '', PASSWORD: 'own' })).toBe('x own');
      expect(await from({ PASSWORD_FILE: '' })).toBe('x none');
    });

    it('refuses both, and a file that cannot be read, by their names', async () => {
      await expect(from({ PASSWORD: 'hunter2', PASSWORD_FILE: '/secret' })).rejects.toMatchObject({
        offset: 2,
        message: 'the environment variables PASSWORD and PASSWORD_FILE are both set; unset one of them',
      });
      await expect(from({ PASSWORD_FILE: '/other' })).rejects.toThrow(
        'the file "/other", which the environment variable PASSWORD_FILE names, cannot be read: no such file',
      );
    });

    it('fills in an environment', async () => {
      const env = { A_FILE: '/secret', B: 'b', C_FILE: '' };
      expect(await withoutFiles(['A', 'B', 'C'], { ...surroundings, env })).toEqual({ A: 's3cret', B: 'b' });
    });

    it('does not show what may have been meant as the secret itself', async () => {
      const refusal = await from({ PASSWORD_FILE: 'hunter2' }).catch((error: unknown) => String(error));
      expect(refusal).toContain('PASSWORD_FILE');
      expect(refusal).not.toContain('hunter2');
    });
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
