/** One summary: decode, check, hand on, acknowledge. The reply is sent once the report is stored, never before. */

import type { Clock } from '../../kit/clock.ts';
import {
  decodeSummary,
  encodeReply,
  type Input,
  MalformedError,
  type Reply,
  SCHEMA_VERSION,
} from '../../wire/index.ts';
import { RefusedError } from './refused.ts';
import type { NodeIdentity, Report, SignedOrder } from './report.ts';
import { validate } from './validate.ts';

/** Where a report goes. Resolves once it is stored for good; the orders are those that this node has not answered. */
export interface ReportSink {
  take(report: Report): Promise<{ readonly duplicate: boolean; readonly orders: readonly SignedOrder[] }>;
}

export interface Accepted {
  readonly reply: Uint8Array;
  readonly report: Report;
  readonly duplicate: boolean;
}

export type Accept = (speaker: NodeIdentity, body: Uint8Array) => Promise<Accepted>;

/** `paceMs`: what nodes are asked to wait between summaries, as a function of how busy central is. */
export function createAccept(parts: {
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly paceMs: () => number;
  /** What else the node is to be told. */
  readonly guidance?: (
    report: Report,
  ) => Pick<Input<Reply>, 'rules' | 'exceptions' | 'peers' | 'profiles' | 'verdicts'>;
}): Accept {
  return async (speaker, body) => {
    const report = validate(decode(body), speaker, parts.clock.wallMs());
    const { duplicate, orders } = await parts.sink.take(report);
    const reply = encodeReply({
      schema: SCHEMA_VERSION,
      sequence: report.sequence,
      duplicate,
      paceMs: parts.paceMs(),
      orders: [...orders],
      ...parts.guidance?.(report),
    });
    return { reply, report, duplicate };
  };
}

function decode(body: Uint8Array): ReturnType<typeof decodeSummary> {
  try {
    return decodeSummary(body);
  } catch (error) {
    if (error instanceof MalformedError)
      throw new RefusedError('PICKET_MALFORMED', error.message, { cause: error });
    throw error;
  }
}
