import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MIB = 1024 * 1024;

/** Bytes for young objects, both halves of them: what one window of messages makes dies there, and is not copied into the old ones. */
const YOUNG = 16 * MIB;

/**
 * Called for its effect, before anything large is loaded. Left alone, V8 lets the heap of a busy process grow to twice what is
 * alive before it looks; the bridge holds little and throws much away. This is no limit: a burst of large messages still has room.
 */
export function startSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
  growYoung(false);
}

/**
 * From now on the place for young objects grows to what messages need, and hardly further, also after V8 has taken it back from an idle
 * process. V8 itself knows only a limit that is set on the command line.
 */
export function makeRoomForMessages(): void {
  const look = () => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    growYoung(young !== undefined && young.space_size < YOUNG);
  };
  new PerformanceObserver(look).observe({ entryTypes: ['gc'] });
}

const growYoung = (may: boolean) => setFlagsFromString(`--semi-space-growth-factor=${may ? 2 : 1}`);
