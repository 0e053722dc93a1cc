import type { Protocol } from '../connectors/connector.js';

/**
 * The client ids of the bridge's connections (MQTT client id, AMQP container id, STOMP client-id). They stay the same over
 * restarts: durable sessions and subscriptions hang on them. A session is a route, or the routes of one `connection`.
 */
export const sourceClientId = (clientId: string, session: string): string => `${clientId}-${session}`;

/** The session, and the route, that brings the answers to a route's requests back. */
export const answersOf = (route: string): string => `${route}.reply`;

/** `lane` counts from 1. */
export const laneClientId = (clientId: string, session: string, via: Protocol, lane: number): string =>
  `${clientId}-${session}-${via}-lane-${lane}`;
