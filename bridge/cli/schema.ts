import { mappingJsonSchema } from '../config/schema.js';
import type { Context } from './context.js';

/** Prints the JSON Schema that editors use for mapping files. */
export function schema(context: Context): void {
  context.say(JSON.stringify(mappingJsonSchema(), null, 2));
}
