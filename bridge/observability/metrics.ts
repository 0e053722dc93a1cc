import { setImmediate } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { BRIDGE_METRICS, type BridgeMetric, type Observed } from './bridge-metrics.js';
import { headText, sampleText } from './exposition.js';

/** What Prometheus reads of a bridge and its process. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Samples that are written in one go: a few milliseconds. Ten thousand routes have 200,000, and messages are not to wait for all of them. */
const IN_ONE_GO = 500;

/**
 * The process (CPU, memory, garbage collection, the event loop's lag) is prom-client's, in a registry of its own for each bridge. The
 * bridge's own work is counted where it happens, in plain numbers, looked up here only when somebody asks, and not written by prom-client,
 * which took twice as long for a thousand routes and does it in one go.
 */
export function createMetrics(observe: () => Observed): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    async text() {
      // One look for all of them, so that they fit together.
      const observed = observe();
      const parts: string[] = [];
      for (const metric of BRIDGE_METRICS) parts.push(await textOf(metric, observed));
      return parts.join('') + (await registry.metrics());
    },
  };
}

async function textOf(metric: BridgeMetric, observed: Observed): Promise<string> {
  let text = headText(metric);
  let written = 0;
  for (const sample of metric.samples(observed)) {
    text += sampleText(metric.name, sample);
    if (++written % IN_ONE_GO === 0) await setImmediate();
  }
  return text;
}
