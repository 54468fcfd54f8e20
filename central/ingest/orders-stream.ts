/** Open order streams, one per node: an order leaves at once, and again in each reply until the node has answered. */
import type { Writable } from 'node:stream';
import { delimit, encodeSignedOrder } from '../../wire/index.ts';
import type { NodeIdentity, SignedOrder } from './report.ts';

const HEARTBEAT_MS = 15_000;
/** A reader that is further behind is cut off; it comes back and is given what is still to be answered. */
const BEHIND_BYTES = 256 * 1024;

export interface OrderStreams {
  /** Takes over a response that is open for this node; an older one of the same node ends. */
  open(node: NodeIdentity, stream: Writable): void;
  /** Sends to the node's stream; false when there is none. */
  push(node: NodeIdentity, orders: readonly SignedOrder[]): boolean;
  readonly size: number;
  close(): void;
}

const keyOf = (node: NodeIdentity): string => `${node.cluster}/${node.node}`;

/** `onCut` hears why a stream was ended by central: `slow` or `replaced`. */
export function createOrderStreams(options: {
  onCut: (reason: 'slow' | 'replaced') => void;
  heartbeatMs?: number;
}): OrderStreams {
  const streams = new Map<string, Writable>();
  const write = (stream: Writable, bytes: Uint8Array): boolean => {
    if (stream.destroyed || stream.writableEnded) return false;
    if (stream.writableLength > BEHIND_BYTES) {
      options.onCut('slow');
      stream.destroy();
      return false;
    }
    stream.write(bytes);
    return true;
  };
  const beat = setInterval(() => {
    for (const stream of streams.values()) write(stream, delimit(new Uint8Array(0)));
  }, options.heartbeatMs ?? HEARTBEAT_MS);
  beat.unref();
  return {
    open(node, stream) {
      const key = keyOf(node);
      const older = streams.get(key);
      if (older !== undefined) {
        options.onCut('replaced');
        older.end();
      }
      streams.set(key, stream);
      // A heartbeat at once: it sends the headers, so that the node knows that it is listened to.
      write(stream, delimit(new Uint8Array(0)));
      const forget = (): void => {
        if (streams.get(key) === stream) streams.delete(key);
      };
      stream.once('close', forget);
      // The peer's reset; 'close' follows.
      stream.on('error', forget);
    },
    push(node, orders) {
      const stream = streams.get(keyOf(node));
      if (stream === undefined) return false;
      return orders.every((order) => write(stream, delimit(encodeSignedOrder(order))));
    },
    get size() {
      return streams.size;
    },
    close() {
      clearInterval(beat);
      for (const stream of streams.values()) stream.end();
      streams.clear();
    },
  };
}
