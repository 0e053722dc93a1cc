import type { RequestHandler } from 'express';
import helmet from 'helmet';

/**
 * What every answer carries: helmet's headers, with a policy of our own. The page needs nothing from elsewhere but the broker's WebSocket, so the policy
 * names just that: an injected script could neither load nor report anywhere.
 *
 * `chat` is the MQTT over WebSocket URL of the mapping file; a text that is no ws or wss URL opens nothing.
 */
export function securityHeaders(chat: string | undefined): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'connect-src': ["'self'", ...webSocketOrigin(chat)],
        'base-uri': ["'none'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        'object-src': ["'none'"],
      },
    },
    // For a browser that knows no frame-ancestors.
    xFrameOptions: { action: 'deny' },
    // It is for every port of the host: it would shut a browser out of the broker's own console beside this page.
    strictTransportSecurity: false,
  });
}

/** Taken apart and put together again, because a `;` in a setting must not add a directive to the policy. */
function webSocketOrigin(chat: string | undefined): string[] {
  if (chat === undefined || !URL.canParse(chat)) return [];
  const url = new URL(chat);
  return url.protocol === 'ws:' || url.protocol === 'wss:' ? [`${url.protocol}//${url.host}`] : [];
}
