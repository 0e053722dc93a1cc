import type { Config, FromConfig, ReplyTarget, RouteConfig, ToConfig } from './config/config.js';
import { deadLetterPlace } from './config/dead-letter-place.js';
import { Exchange, isRequestRoute } from './flow/exchange.js';
import type { RouteEnd, RouteEnds, Topology } from './status.js';

/** Which brokers the rules know and what each route joins; the answers to requests are routes of their own, as in the status. */
export function topologyOf({ brokers, routes }: Config): Topology {
  const endsOf = (
    route: RouteConfig,
    to: readonly RouteEnd[],
    outputs?: readonly ReplyTarget[],
  ): RouteEnds => {
    const { broker, via, address } = deadLetterPlace(route, brokers, outputs);
    return {
      name: route.name,
      from: sourceOf(route.from),
      to,
      deadLetter: { broker, protocol: via, kind: address.kind, name: address.name },
    };
  };
  return {
    brokers: [...brokers.values()].map(({ name, type }) => ({ name, type })),
    routes: routes.flatMap((route) => {
      const own = endsOf(route, route.to.map(destinationOf));
      if (!route.enabled || !isRequestRoute(route)) return [own];
      const { config, outputs } = new Exchange(route).answers;
      return [own, endsOf(config, outputs.map(replyPlaceOf), outputs)];
    }),
  };
}

const sourceOf = ({ broker, via, kind, pattern }: FromConfig): RouteEnd => ({
  broker,
  protocol: via,
  kind,
  name: pattern.text,
});

const destinationOf = ({ broker, via, kind, name }: ToConfig): RouteEnd => ({
  broker,
  protocol: via,
  kind,
  name: name.text,
});

function replyPlaceOf({ broker, via, allows }: ReplyTarget): RouteEnd {
  const place =
    'pattern' in allows
      ? { kind: allows.pattern.kind, name: allows.pattern.text }
      : { kind: allows.temporary, name: `temporary ${allows.temporary}` };
  return { broker, protocol: via, ...place };
}
