import type { Request, RequestHandler, Response } from 'express';
import { isLoopback } from '../config/loopback.js';

/**
 * For what changes the bridge: only programs and pages of this machine may ask. A foreign web page in a browser of this machine can
 * send requests here, too: it is known by what the browser says of it, or by the name that it had to give this machine.
 */
export const localOnly: RequestHandler = (request, response, next) => {
  const { headers, socket } = request;
  const isDirect = PASSED_ON.every((name) => headers[name] === undefined);
  const isLocal = isLoopback(socket.remoteAddress ?? '') && isLoopback(request.hostname ?? '');
  if (isLocal && isDirect && isOwnPage(request)) next();
  else
    forbid(
      response,
      'Only a program on the machine of the bridge may ask for this, as http://127.0.0.1 or http://localhost; a reload is also for who sends the admin token (http.admin.token).',
    );
};

/** For what leaves something behind: programs, and the bridge's own page, and no page from elsewhere that a browser has open. */
export const ownPageOnly: RequestHandler = (request, response, next) => {
  if (isOwnPage(request)) next();
  else forbid(response, 'A web page from elsewhere may not ask for this.');
};

function isOwnPage({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none';
  return isOwnSite && isOwnOrigin(headers.origin, headers.host);
}

function forbid(response: Response, message: string): void {
  response.status(403).json({ error: { code: 'forbidden', message } });
}

/** What a proxy adds: whoever asks through one may be anywhere. */
const PASSED_ON = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

/** Browsers that know no Fetch Metadata say at least where a page that sends something is from. */
const isOwnOrigin = (origin: string | undefined, host: string | undefined) =>
  origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
