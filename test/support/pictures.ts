import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const DESKTOP = { width: 1120, height: 680 };
const PHONE = { width: 390, height: 720 };

interface PictureOptions {
  readonly desktop?: { readonly width: number; readonly height: number };
  /** Resolves when the page is worth a picture. */
  readonly ready?: () => Promise<unknown>;
}

/**
 * Takes pictures of a page, light and dark, wide and as on a phone, when CHAT_PAGE_PICTURES names a folder for
 * them; the documentation shows the light wide one. Without it nothing happens.
 */
export async function takePictures(
  page: Page,
  what = 'chat-page',
  { desktop = DESKTOP, ready = async () => {} }: PictureOptions = {},
): Promise<void> {
  const folder = process.env.CHAT_PAGE_PICTURES;
  if (folder === undefined) return;
  await ready();
  await mkdir(folder, { recursive: true });
  await page.evaluate('scrollTo(0, 0)');
  const take = (name: string) =>
    page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
  await page.setViewportSize(desktop);
  await take(what);
  await page.emulateMedia({ colorScheme: 'dark' });
  await take(`${what}-dark`);
  await page.setViewportSize(PHONE);
  await take(`${what}-phone-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
  await take(`${what}-phone`);
}
