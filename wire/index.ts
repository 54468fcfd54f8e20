/**
 * The door of the wire: typed encode and decode for what agent and central say to each other and for recordings.
 * Fields ending in `Ns` are bigint; other 64-bit fields are numbers and refuse values above 2^53 - 1 (see generate.mjs).
 * Unknown fields are ignored. Decoded `bytes` are views of what was given.
 */
import protobuf from 'protobufjs/minimal.js';
import type * as messages from './generated/messages.js';
import { picket } from './generated/messages.js';

export * from './allow.ts';
export type {
  Alert,
  Canary,
  Cgroup,
  Clock,
  Container,
  Detection,
  Frame,
  Health,
  JudgedDetector,
  Life,
  Order,
  OrderReport,
  OrderTarget,
  ProfileState,
  Reply,
  ResourceReading,
  Resources,
  RuleText,
  SentException,
  SentExceptions,
  SentPeers,
  SentProfile,
  SentProfiles,
  SentRules,
  SentVerdicts,
  Session,
  SignedOrder,
  Sketch,
  SlotCounts,
  Standing,
  Start,
  Summary,
  Tick,
  Window,
  WorkloadSketches,
} from './generated/messages.js';

/** Of Summary and Reply; another number is refused. */
export const SCHEMA_VERSION = 1;
/** On the order stream, for agents that say that they look: send a summary now, the reply to it has something. */
export const LOOK: messages.SignedOrder = {
  payload: new Uint8Array(0),
  keyId: 'look',
  signature: new Uint8Array(0),
};
export const isLook = ({ keyId, payload }: messages.SignedOrder): boolean =>
  keyId === LOOK.keyId && payload.length === 0;

/** Of recordings, in Start. */
export const RECORDING_VERSION = 1;
/** Largest encoded Summary that an agent sends and that central takes by default, bytes. */
export const MAX_SUMMARY_BYTES = 4 * 1024 * 1024;
/** Largest SignedOrder frame on the order stream, bytes. */
export const MAX_ORDER_BYTES = 64 * 1024;
/** Largest Frame of a recording, bytes: a PodList of 10 MB and some room. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** What encode takes: any part of a message may be left out and is then its default. */
export type Input<T> = T extends Uint8Array | bigint | number | string | boolean | null
  ? T
  : T extends readonly (infer E)[]
    ? readonly Input<E>[]
    : { readonly [K in keyof T]?: Input<T[K]> | undefined };

/** Bytes that are no such message. `code` is PICKET_MALFORMED. */
export class MalformedError extends Error {
  readonly code = 'PICKET_MALFORMED';
  constructor(what: string, cause?: unknown) {
    super(cause instanceof Error ? `${what}: ${cause.message}` : what, { cause });
    this.name = 'MalformedError';
  }
}

interface Codec<T> {
  encode(message: Input<T>): Uint8Array;
  /** @throws MalformedError */
  decode(bytes: Uint8Array): T;
}

function codec<T>(name: string, coder: messages.Coder<T>): Codec<T> {
  return {
    encode: (message) => coder.encode(message).finish(),
    decode(bytes) {
      try {
        const reader = protobuf.Reader.create(bytes);
        reader.discardUnknown = true;
        return coder.decode(reader);
      } catch (error) {
        throw new MalformedError(`not a ${name} of ${bytes.length} bytes`, error);
      }
    },
  };
}

const { v1 } = picket;
export const { encode: encodeSummary, decode: decodeSummary } = codec('Summary', v1.Summary);
export const { encode: encodeReply, decode: decodeReply } = codec('Reply', v1.Reply);
export const { encode: encodeSignedOrder, decode: decodeSignedOrder } = codec('SignedOrder', v1.SignedOrder);
export const { encode: encodeOrder, decode: decodeOrder } = codec('Order', v1.Order);
export const { encode: encodeFrame, decode: decodeFrame } = codec('Frame', v1.Frame);
// What the agent's spool keeps until it is cut into summaries.
export const { encode: encodeDetection, decode: decodeDetection } = codec('Detection', v1.Detection);
export const { encode: encodeAlert, decode: decodeAlert } = codec('Alert', v1.Alert);
export const { encode: encodeContainer, decode: decodeContainer } = codec('Container', v1.Container);
export const { encode: encodeWindow, decode: decodeWindow } = codec('Window', v1.Window);
export const { encode: encodeWorkloadSketches, decode: decodeWorkloadSketches } = codec(
  'WorkloadSketches',
  v1.WorkloadSketches,
);
export const { encode: encodeSession, decode: decodeSession } = codec('Session', v1.Session);
export const { encode: encodeCanary, decode: decodeCanary } = codec('Canary', v1.Canary);
export const { encode: encodeOrderReport, decode: decodeOrderReport } = codec('OrderReport', v1.OrderReport);

/** The message with its length before it, as on the order stream and in recordings; empty: a heartbeat. */
export function delimit(message: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = message.length;
  while (rest > 127) {
    length.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.concat([Uint8Array.of(...length, rest), message]);
}

/** Takes a stream of delimited messages apart, in whatever pieces it comes. Holds at most `maxBytes` and one piece. */
export class DelimitedReader {
  private held: Uint8Array = new Uint8Array(0);
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The messages that are now whole, in order. @throws MalformedError when one is longer than `maxBytes`. */
  push(piece: Uint8Array): Uint8Array[] {
    const bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    const whole: Uint8Array[] = [];
    let position = 0;
    for (;;) {
      const prefix = readLength(bytes, position);
      if (prefix === null) break;
      if (prefix.length > this.maxBytes)
        throw new MalformedError(`a message of ${prefix.length} bytes, more than ${this.maxBytes}`);
      const end = position + prefix.size + prefix.length;
      if (end > bytes.length) break;
      whole.push(bytes.subarray(position + prefix.size, end));
      position = end;
    }
    this.held = bytes.subarray(position);
    return whole;
  }

  /** Bytes of a message that is not whole: not 0 at the end of a stream means that it was cut. */
  get pending(): number {
    return this.held.length;
  }
}

/** The length at a position and how many bytes it takes, or null when it is not whole. */
function readLength(bytes: Uint8Array, position: number): { length: number; size: number } | null {
  let length = 0;
  for (let size = 0; size < 5; size += 1) {
    const byte = bytes[position + size];
    if (byte === undefined) return null;
    length += (byte & 127) * 2 ** (7 * size);
    if (byte < 128) return { length, size: size + 1 };
  }
  throw new MalformedError('a message length of more than five bytes');
}
