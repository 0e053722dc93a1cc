import type { FromConfig, RouteConfig, ToConfig } from '../../bridge/config/config.js';
import { parsePattern } from '../../bridge/routing/pattern.js';
import { parseTemplate } from '../../bridge/routing/template.js';

/** A rule from MQTT as load.ts would make it, without any option but those given. */
export function ruleFrom(pattern: string, over: Partial<RouteConfig> = {}): RouteConfig {
  const from: FromConfig = {
    kind: 'mqtt',
    broker: 'b',
    via: 'mqtt',
    pattern: parsePattern('mqtt', pattern),
    qos: 1,
    session: 'durable',
  };
  return {
    name: 'route',
    enabled: true,
    from,
    to: [],
    inFlight: 1000,
    delivery: 'at-least-once',
    retry: { initial: 2, max: 10, attempts: 1 },
    limits: { hops: 8 },
    deadLetter: 'bridge.dead-letter',
    ...over,
  };
}

/** One destination of a rule, without any option but those given. */
export function destination(kind: ToConfig['kind'], name: string, over: Partial<ToConfig> = {}): ToConfig {
  return {
    kind,
    broker: 'b',
    via: kind === 'mqtt' ? 'mqtt' : 'amqp',
    name: parseTemplate(name),
    properties: new Map(),
    copyProperties: false,
    persistent: true,
    qos: 1,
    retain: false,
    ...over,
  };
}

/** The templates of a rule's `properties`. */
export function templates(properties: Readonly<Record<string, string>>): ToConfig['properties'] {
  return new Map(Object.entries(properties).map(([name, text]) => [name, parseTemplate(text)]));
}
