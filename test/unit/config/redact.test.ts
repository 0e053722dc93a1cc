import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../bridge/config/load.js';
import { redact } from '../../../bridge/config/redact.js';

/** What people write for a password, some of which YAML takes for something else. */
const PASSWORDS = [
  'hunter2',
  '"hunter2"',
  "'hunter2'",
  '12hunter2',
  'hunter2 hunter2',
  'hunter2 # hunter2',
  'x#hunter2',
  '#hunter2',
  'hunter2: hunter2',
  'hunter2, hunter2',
  'hunter2}hunter2',
  '{hunter2}',
  '[hunter2, hunter2]',
  '{ a: hunter2 }',
  '!hunter2 hunter2',
  '!!str hunter2',
  '&hunter2 hunter2',
  '*hunter2',
  '|hunter2',
  '@hunter2',
  '%hunter2',
  '"hunter2',
  "'hunter2",
  '"hunter2" hunter2',
  "'it's hunter2'",
  '"\\q hunter2"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what the file has
  '${PASSWORD:-hunter2}',
];

const PLACES: Readonly<Record<string, (password: string) => string>> = {
  'in a block': (p) => `brokers:\n  mq:\n    username: u\n    password: ${p}\n    host: h\nroutes: {}\n`,
  'in a line': (p) => `brokers: { mq: { username: u, password: ${p}, host: h } }\nroutes: {}\n`,
  'last in a line': (p) => `brokers: { mq: { host: h, password: ${p} } }\nroutes: {}\n`,
  'in a line of its own between braces': (p) => `brokers: { mq: {\n  password: ${p},\n  host: h } }\n`,
  'as JSON': (p) => `{"brokers": {"mq": {"host": "h", "password": ${p}}}}\n`,
  'in the next line': (p) => `brokers:\n  mq:\n    password:\n      ${p}\n    host: h\n`,
  'under a misspelt key': (p) => `brokers:\n  mq:\n    pasword: ${p}\n    host: h\n`,
  'under a key of another language': (p) => `brokers:\n  mq:\n    kennwort: ${p}\n    host: h\n`,
  'without a blank': (p) => `brokers:\n  mq:\n    host: h\n    password:${p}\n    username: u\n`,
  'with an equals sign': (p) => `brokers:\n  mq:\n    host: h\n    password = ${p}\n    username: u\n`,
  'in a comment': (p) => `brokers: { mq: { host: h } } # password: ${p}\nroutes: {}\n`,
  'at the wrong place': (p) => `password: ${p}\nroutes: { r: { from: { password: ${p} } } }\n`,
  'in a misspelt section': (p) => `brokrs:\n  mq:\n    pasword: ${p}\n`,
  'beside broken YAML': (p) => `brokers:\n  mq:\n    password: ${p}\n   host: h\nroutes: [\n`,
  'as the token of the dashboard': (p) => `http:\n  admin:\n    token: ${p}\n    tail: true\nroutes: {}\n`,
  'as the token of the dashboard, in a line': (p) => `http: { admin: { token: ${p} } }\nroutes: {}\n`,
  'under an unknown key beside that token': (p) => `http:\n  admin:\n    kennwort: ${p}\n    tail: true\n`,
  'under an unknown key of http': (p) => `http:\n  adminKennwort: ${p}\n  port: 1\n`,
  'in a list': (p) => `brokers:\n  - name: mq\n    password: ${p}\n`,
  'behind an explicit key': (p) => `brokers:\n  mq:\n    ? password\n    : ${p}\n    host: h\n`,
};

const cases = Object.entries(PLACES).flatMap(([place, fileWith]) =>
  PASSWORDS.map((password) => [place, password, fileWith(password)] as const),
);

describe('a password is never in the text that is shown', () => {
  it.each(cases)('%s: %s', (_place, _password, text) => {
    const shown = redact(text);
    expect(shown).not.toContain('hunter');
    expect(shown).toHaveLength(text.length);
    expect(shown.split('\n')).toHaveLength(text.split('\n').length);
  });

  it.each(cases)('nor is it in a message: %s: %s', async (_place, _password, text) => {
    const result = await parseConfig(text, 'm.yaml', {}, () => Promise.reject(new Error('no file')));
    expect(JSON.stringify(result.ok ? result.warnings : result.diagnostics)).not.toContain('hunter');
  });

  it.each([
    ['a literal block', 'brokers:\n  mq:\n    password: |-\n      hunter2\n\n      hunter2\n    host: h\n'],
    ['a folded block', 'brokers:\n  mq:\n    password: >\n      hunter2\n        hunter2\n    host: h\n'],
    ['several lines', 'brokers:\n  mq:\n    password: "hunter2\n  hunter2"\n    host: h\n'],
    ['several plain lines', 'brokers:\n  mq:\n    password: hunter2\n      hunter2\n    host: h\n'],
    ['an anchor', 'x: &p hunter2\nbrokers:\n  mq: { password: *p, host: h }\n'],
    ['a url', 'brokers: { mq: { mqtt: "mqtt://ann:hunter2@h:1883" } }\n'],
    ['a url with @ and / in it', 'brokers: { mq: { mqtt: "mqtt://ann:hunter2@x/hunter2@h:1883" } }\n'],
    ['a url with blanks', 'brokers: { mq: { mqtt: "mqtt://ann:hunter2 hunter2@h:1883" } }\n'],
    ['a url in broken YAML', 'brokers: { mq: { mqtt: mqtt://ann:{hunter2} "hunter2@h:1883 } }\n'],
    ['a url without a scheme', 'brokers: { mq: { host: "ann:hunter2@h" } }\n'],
    ['the url of the chat page', 'http: { chat: "ws://ann:hunter2@h" }\n'],
    ['a key in place of its file', 'brokers: { mq: { tls: { key: "-----BEGIN KEY-----\n  hunter2" } } }\n'],
    ['a property that is one', 'routes: { r: { to: { queue: q, properties: { apiToken: hunter2 } } } }\n'],
    ['a second document', 'version: 1\n---\nbrokers: { mq: { password: hunter2 } }\n'],
  ])('in %s', (_what, text) => {
    expect(redact(text)).not.toContain('hunter');
  });
});

describe('what is no secret stays', () => {
  it.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what the file has
    'brokers: { mq: { type: activemq, host: "${HOST:-localhost}", clientId: a, username: ann, lanes: 2 } }\n',
    'brokers:\n  token:\n    host: h\nroutes:\n  password:\n    from: { queue: passengers }\n    to: { queue: tokens }\n',
    'routes: { r: { to: { queue: q, properties: { token: "{body.token}" } } } }\n',
    'tests: [{ given: { mqtt: a/b, body: "mail ann@example.org" }, expect: [] }]\n',
    '# the token of a room: see the docs\nroutes: {}\n',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
  });
});

it('any text keeps its length and its lines, however broken', () => {
  const piece = fc.constantFrom(
    'password',
    ': ',
    ':',
    '{',
    '}',
    '[',
    '"',
    "'",
    '\n',
    '  ',
    '- ',
    '#',
    'x',
    '@',
    '://',
    '&a',
    '*a',
    '|',
    '\t',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('');
      const shown = redact(text);
      expect(shown).toHaveLength(text.length);
      expect([...shown].map((c, i) => (c === '\n') === (text[i] === '\n')).every(Boolean)).toBe(true);
    }),
  );
});
