import { encodeLevel, keepBeginning } from './name-codec.js';
import { renderTemplate, type Scope, type Template } from './template.js';

/**
 * The name that a rule's template makes for one message: what a hole puts in is data and never more than (part of) one level,
 * nor does it make the name begin with what brokers keep for themselves. Undefined when a hole has no value.
 *
 * One hole in a level gives different names for different texts. Two holes side by side run together, as in any text: `{a}{b}`
 * is the same name for `x`, `yz` and for `xy`, `z`.
 * @throws BridgeError `mapping-failed` when the operators of an expression do not take what they find
 */
export function renderName(template: Template, scope: Scope): string | undefined {
  const name = renderTemplate(template, scope, encodeLevel);
  if (name === undefined) return undefined;
  const [beginning] = template.parts;
  return keepBeginning(name, typeof beginning === 'string' ? beginning.length : 0);
}
