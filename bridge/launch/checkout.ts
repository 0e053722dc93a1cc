import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folders and files that ship beside the code, as absolute paths. */
export interface Checkout {
  readonly top: string;
  readonly broker: string;
  readonly chatMapping: string;
  readonly compose: string;
  readonly cache: string;
}

/** The same from the TypeScript sources and from dist/: the top is the nearest folder above with a package.json. */
export function findCheckout(from: string = import.meta.url): Checkout {
  let top = dirname(fileURLToPath(from));
  while (!existsSync(join(top, 'package.json')) && dirname(top) !== top) top = dirname(top);
  return {
    top,
    broker: join(top, 'broker'),
    chatMapping: join(top, 'mappings', 'chat.yaml'),
    compose: join(top, 'docker', 'compose.yaml'),
    cache: join(top, '.cache'),
  };
}
