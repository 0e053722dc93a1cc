import type { RequestHandler } from 'express';

/**
 * What every answer carries. The page needs nothing from elsewhere but the broker's WebSocket, so the policy
 * names just that: an injected script could neither load nor report anywhere.
 *
 * `chat` is the MQTT over WebSocket URL of the mapping file; a text that is no ws or wss URL opens nothing.
 */
export function securityHeaders(chat: string | undefined): RequestHandler {
  const policy = [
    "default-src 'self'",
    `connect-src ${["'self'", ...webSocketOrigin(chat)].join(' ')}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ');
  const table: ReadonlyArray<readonly [name: string, value: string]> = [
    ['Content-Security-Policy', policy],
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'no-referrer'],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
  ];
  return (_request, response, next) => {
    for (const [name, value] of table) response.setHeader(name, value);
    next();
  };
}

/** Taken apart and put together again, because a `;` in a setting must not add a directive to the policy. */
function webSocketOrigin(chat: string | undefined): string[] {
  if (chat === undefined || !URL.canParse(chat)) return [];
  const url = new URL(chat);
  return url.protocol === 'ws:' || url.protocol === 'wss:' ? [`${url.protocol}//${url.host}`] : [];
}
