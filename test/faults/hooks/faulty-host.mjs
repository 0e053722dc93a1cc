/*
 * Loaded into the bridge's process with `node --import`. Reads every 20 ms from the file FAULTY_HOST what is wrong with the host:
 * {"clock": milliseconds that it is ahead, "unresolved": name that the resolver does not know}.
 */
import dns from 'node:dns';
import { readFileSync } from 'node:fs';

const read = () => JSON.parse(readFileSync(process.env.FAULTY_HOST, 'utf8'));
let host = read();
setInterval(() => {
  try {
    host = read();
  } catch {
    // It is being written.
  }
}, 20).unref();

const RealDate = Date;
globalThis.Date = class FaultyDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + (host.clock ?? 0));
    else super(...args);
  }

  static now() {
    return RealDate.now() + (host.clock ?? 0);
  }
};

const lookup = dns.lookup;
dns.lookup = (name, options, callback) => {
  if (!name.endsWith('.test')) return lookup(name, options, callback);
  if (name !== host.unresolved) return lookup('127.0.0.1', options, callback);
  const error = new Error(`getaddrinfo ENOTFOUND ${name}`);
  return setImmediate(() =>
    callback(Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name })),
  );
};
