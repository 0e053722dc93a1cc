import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { AdminConfig } from '../config/config.js';
import { localOnly } from './local-only.js';

/** What a request says about the admin token. */
export type TokenCheck = 'right' | 'wrong' | 'missing' | 'off';

const SCHEME = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * Compares the token of an `Authorization: Bearer` header (RFC 6750, 2.1) with the one of the mapping file. The time that this takes
 * tells nothing about how much of it was right.
 */
export function tokenCheck(
  admin: AdminConfig | undefined,
): (authorization: string | undefined) => TokenCheck {
  if (admin === undefined) return () => 'off';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(admin.token.reveal());
  return (authorization) => {
    if (authorization === undefined) return 'missing';
    const [, token] = SCHEME.exec(authorization) ?? [];
    return token !== undefined && timingSafeEqual(digest(token), expected) ? 'right' : 'wrong';
  };
}

/** For what changes the bridge and shows nothing: programs and pages of this machine, and who has the admin token from anywhere. */
export function localOrAdmin({ admin }: { readonly admin?: AdminConfig }): RequestHandler {
  const check = tokenCheck(admin);
  return (request, response, next) => {
    const result = check(request.headers.authorization);
    if (result === 'right') next();
    else if (result === 'wrong') refuse(response, result);
    else localOnly(request, response, next);
  };
}

const REFUSALS: Readonly<
  Record<Exclude<TokenCheck, 'right'>, readonly [status: number, code: string, message: string]>
> = {
  off: [
    404,
    'admin-off',
    'This bridge shows and moves no messages over HTTP: its mapping file sets no http.admin.token. Set one: a running bridge takes it up at once.',
  ],
  missing: [401, 'token-missing', 'This needs the admin token, as the header "Authorization: Bearer …".'],
  wrong: [
    401,
    'token-wrong',
    'This is not the admin token of this bridge (http.admin.token of its mapping file).',
  ],
};

/**
 * For what shows or moves messages. The token comes in a header that only a page of this bridge can make a browser send, so
 * neither a foreign page nor one under a foreign name for this machine gets through.
 */
export function adminOnly(check: ReturnType<typeof tokenCheck>): RequestHandler {
  return (request, response, next) => {
    const result = check(request.headers.authorization);
    if (result === 'right') {
      next();
      return;
    }
    refuse(response, result);
  };
}

function refuse(response: Response, result: Exclude<TokenCheck, 'right'>): void {
  const [status, code, message] = REFUSALS[result];
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="activemq-bridge"');
  response.status(status).json({ error: { code, message } });
}
