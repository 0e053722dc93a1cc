import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onInterrupt } from '../../../bridge/cli/interrupt.js';

describe('onInterrupt', () => {
  const watch = () => {
    const source = new EventEmitter();
    const calls: string[] = [];
    let time = 0;
    onInterrupt(
      source,
      (signal) => calls.push(`first ${signal}`),
      (signal) => calls.push(`again ${signal}`),
      () => time,
    );
    const at = (ms: number, signal: NodeJS.Signals) => {
      time = ms;
      source.emit(signal, signal);
    };
    return { calls, at };
  };

  it('takes the two signals that npm makes of one Ctrl-C for one', () => {
    const { calls, at } = watch();
    at(0, 'SIGINT');
    at(2, 'SIGINT');
    expect(calls).toEqual(['first SIGINT']);
  });

  it('hears a second, later one once', () => {
    const { calls, at } = watch();
    at(0, 'SIGTERM');
    at(1500, 'SIGINT');
    at(3000, 'SIGINT');
    expect(calls).toEqual(['first SIGTERM', 'again SIGINT']);
  });
});
