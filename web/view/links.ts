import { make } from './element.js';

/** Only these two: a link must never run a script. What often ends a sentence is no part of an address. */
const ADDRESS = /https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}']/gi;

/** Text with its web addresses as links. The other page learns nothing of this one, and cannot reach it. */
export function withLinks(text: string): Array<Node | string> {
  const parts: Array<Node | string> = [];
  let end = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    if (!URL.canParse(address)) continue;
    const link = make('a', '', address);
    link.href = address;
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
    parts.push(text.slice(end, index), link);
    end = index + address.length;
  }
  parts.push(text.slice(end));
  return parts;
}
