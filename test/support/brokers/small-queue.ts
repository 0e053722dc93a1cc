import type { BrokerOptions } from '../brokers.js';

type Edit = NonNullable<BrokerOptions['edit']>;

/** An `edit`: queues whose name ends in this level have room for so many bytes; when one is full the broker soon says no. */
export const smallQueue = {
  // Of memory, and none to spool to; it says no after a second.
  activemq:
    (level: string, bytes: number): Edit =>
    (xml) =>
      xml
        .replace('sendFailIfNoSpaceAfterTimeout="5000"', 'sendFailIfNoSpaceAfterTimeout="1000"')
        .replace(
          '<policyEntries>',
          `<policyEntries><policyEntry queue="*.${level}" producerFlowControl="true" memoryLimit="${bytes}"><pendingQueuePolicy><vmQueueCursor/></pendingQueuePolicy></policyEntry>`,
        ),
  // As it comes, Artemis pages to disk. With BLOCK it says nothing.
  artemis:
    (level: string, bytes: number, policy: 'FAIL' | 'BLOCK' = 'FAIL'): Edit =>
    (xml) =>
      xml.replace(
        '<address-settings>',
        `<address-settings><address-setting match="*.${level}"><max-size-bytes>${bytes}</max-size-bytes><address-full-policy>${policy}</address-full-policy></address-setting>`,
      ),
};
