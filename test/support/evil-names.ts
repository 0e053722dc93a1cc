/** Texts that mean something to a broker, or to whoever reads a name, where they are not taken for plain data. */
export interface EvilName {
  readonly text: string;
  /** What has to become of it inside a name. */
  readonly level: string;
  /** At the beginning of a name, where that is something else. */
  readonly first?: string;
}

const evil = (text: string, level: string, first?: string): EvilName => ({
  text,
  level,
  ...(first === undefined ? {} : { first }),
});

export const EVIL_NAMES: readonly EvilName[] = [
  // Composite names, options, prefixes and qualified names.
  evil('a,b', 'a%2Cb'),
  evil('a,queue://ORDERS', 'a%2Cqueue%3A%2F%2FORDERS'),
  evil('a,topic:ORDERS', 'a%2Ctopic%3AORDERS'),
  evil('a?consumer.exclusive=true', 'a%3Fconsumer%2Eexclusive%3Dtrue'),
  evil('?consumer.exclusive=true', '%3Fconsumer%2Eexclusive%3Dtrue'),
  evil('queue://x', 'queue%3A%2F%2Fx'),
  evil('topic://x', 'topic%3A%2F%2Fx'),
  evil('temp-queue://x', 'temp-queue%3A%2F%2Fx'),
  evil('/queue/x', '%2Fqueue%2Fx'),
  evil('ID:host-1:1', 'ID%3Ahost-1%3A1'),
  evil('a::b', 'a%3A%3Ab'),
  // Levels and wildcards.
  evil('a.b', 'a%2Eb'),
  evil('.', '%2E'),
  evil('..', '%2E%2E'),
  evil('a/b', 'a%2Fb'),
  evil('../x', '%2E%2E%2Fx'),
  evil('>', '%3E'),
  evil('a.>', 'a%2E%3E'),
  evil('*', '%2A'),
  evil('#', '%23'),
  evil('+', '%2B'),
  evil('+/#', '%2B%2F%23'),
  // What looks like our own encoding.
  evil('%', '%25'),
  evil('a%2Eb', 'a%252Eb'),
  evil('%uD800', '%25uD800'),
  evil('', '%'),
  // What brokers keep for themselves.
  evil('$SYS', '%24SYS'),
  evil('$share/g/x', '%24share%2Fg%2Fx'),
  evil(
    'ActiveMQ.Advisory.Connection',
    'ActiveMQ%2EAdvisory%2EConnection',
    '%41ctiveMQ%2EAdvisory%2EConnection',
  ),
  evil('activemq.management', 'activemq%2Emanagement', '%61ctivemq%2Emanagement'),
  evil('VirtualTopic.x', 'VirtualTopic%2Ex', '%56irtualTopic%2Ex'),
  evil('Consumer.a.VirtualTopic.b', 'Consumer%2Ea%2EVirtualTopic%2Eb', '%43onsumer%2Ea%2EVirtualTopic%2Eb'),
  evil('DLQ', 'DLQ', '%44LQ'),
  evil('ExpiryQueue', 'ExpiryQueue', '%45xpiryQueue'),
  // White space and controls, which brokers trim, print or choke on.
  evil(' ', '%20'),
  evil(' a ', '%20a%20'),
  evil('a\r\nb', 'a%0D%0Ab'),
  evil('a\nreceipt:1\n\nx', 'a%0Areceipt%3A1%0A%0Ax'),
  evil('a\0b', 'a%00b'),
  evil('a\u001b[2Jb', 'a%1B[2Jb'),
  evil('\u00a0\u2028', '%C2%A0%E2%80%A8'),
  evil('\ufeffa', '%EF%BB%BFa'),
  evil('a\u202eb\u2066c', 'a%E2%80%AEb%E2%81%A6c'),
  evil('\ufffe\uffff', '%EF%BF%BE%EF%BF%BF'),
  // Other pitfalls of text.
  evil('a\\b', 'a%5Cb'),
  evil(`'"\`;|&=<>{}`, '%27%22%60%3B%7C%26%3D%3C%3E%7B%7D'),
  evil(`\${PATH}`, '%24%7BPATH%7D'),
  evil('__proto__', '__proto__'),
  evil('größe 😀', 'größe%20😀'),
  evil('👩‍👧', '👩%E2%80%8D👧'),
  evil('e\u0301', 'e\u0301'),
  evil('\u00e9', '\u00e9'),
  evil('A', 'A'),
  evil('a', 'a'),
  // Lone surrogates: JSON can say them, UTF-8 cannot.
  evil('\ud800', '%uD800'),
  evil('a\udc00\ud800b', 'a%uDC00%uD800b'),
  evil('\ud83d', '%uD83D'),
  // As long as a name may be behind a prefix of five bytes.
  evil(`${'é'.repeat(497)}x`, `${'é'.repeat(497)}x`),
];
