import { setFlagsFromString } from 'node:v8';

/**
 * Imported for its effect, before everything else. Left alone, V8 lets the heap of a busy process grow to twice what is
 * alive before it looks; the bridge holds little and throws much away. Measured on a drain of 10,000 messages: the peak
 * of resident memory went from 135–170 MiB to 103–126 (bench/RESULTS.md). This is no limit: a burst of large messages still
 * has room.
 */
setFlagsFromString('--heap-growing-percent=20');
setFlagsFromString('--semi-space-growth-factor=1');
