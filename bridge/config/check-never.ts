import { BridgeError } from '../errors.js';
import { takes } from '../message/address.js';
import {
  ALWAYS_KNOWN,
  checkExpression,
  ExpressionError,
  parseExpression,
  questionsOf,
  textsDemandedOf,
} from '../routing/expression.js';
import { described, type Ends } from './ends.js';
import { type Node, nodeAt, type Report } from './source.js';

/** Finds a `where` that takes every message or none. Mistakes in it are reported elsewhere. */
export function checkNever(routes: readonly Ends[], root: Node, report: Report): void {
  for (const { route, rule, from } of routes) {
    const node = nodeAt(root, ['routes', route, 'where']);
    if (rule.where === undefined || node === undefined || from === undefined) continue;
    const names = new Set([...from.pattern.captures.values(), ...ALWAYS_KNOWN]);
    try {
      checkExpression(rule.where, from.pattern.captures.values());
      if (questionsOf(rule.where, names).length === 0) checkConstant(rule.where, node, report);
      if (names.size === from.pattern.captures.size + ALWAYS_KNOWN.length)
        for (const { text, offset } of textsDemandedOf(rule.where, 'topic'))
          if (!takes(from.pattern, text))
            report.at(
              node,
              `"topic" is never ${JSON.stringify(text)} here: the route reads ${described(from)}; it takes no message`,
              { severity: 'warning', within: offset, quotes: true },
            );
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
    }
  }
}

function checkConstant(where: string, node: Node, report: Report): void {
  const value = constantOf(where);
  const problem =
    value === true
      ? '"where" is true for every message; leave it out, or ask something of the message: body, properties, topic, message or a capture'
      : '"where" asks nothing of the message, and is never true: the route takes none; "enabled: false" turns it off';
  if (value === undefined || typeof value === 'boolean') report.at(node, problem, { severity: 'warning' });
}

function constantOf(where: string): unknown {
  try {
    return parseExpression(where).evaluate(new Map());
  } catch (error) {
    if (error instanceof BridgeError) return undefined;
    throw error;
  }
}
