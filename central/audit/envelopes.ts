/**
 * The bodies in which logs are handed over: the API server's batches, and what the providers' pipelines wrap them in. Each
 * becomes a list of rows for decode.ts; a row that is no JSON is counted and the others go on.
 */
import { gunzipSync } from 'node:zlib';
import { listOf, type Obj, objectOf, textOf } from './plain.ts';

export interface Rows {
  readonly rows: readonly unknown[];
  /** Rows that could not be read. */
  readonly malformed: number;
}

/** Envelopes stand in envelopes (Firehose around CloudWatch around events); deeper than this is no log. */
const DEEPEST = 4;
/** Unpacked size of one wrapped piece: a CloudWatch batch is at most 1 MB, a Firehose record as well. */
const UNPACKED_BYTES = 16 * 1024 ** 2;

const NONE: Rows = { rows: [], malformed: 0 };
const BAD: Rows = { rows: [], malformed: 1 };

function joined(parts: readonly Rows[]): Rows {
  return {
    rows: parts.flatMap(({ rows }) => rows),
    malformed: parts.reduce((sum, { malformed }) => sum + malformed, 0),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Base64, as Kinesis, Lambda and Pub/Sub carry it, often packed with gzip (its first two bytes are 1f 8b). */
function unpacked(text: string): string | null {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0) return null;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES }).toString('utf8');
  } catch {
    return null;
  }
}

function inside(text: string | null, depth: number): Rows {
  return text === null ? BAD : rowsOfText(text, depth + 1);
}

/** CloudWatch's subscription: the events are texts; which log they are from stands around them. */
function cloudWatch(body: Obj): Rows {
  if (body['messageType'] === 'CONTROL_MESSAGE') return NONE;
  const logGroup = textOf(body['logGroup']);
  return {
    rows: listOf(body['logEvents']).map((entry) => ({
      logGroup,
      message: textOf(objectOf(entry)['message']),
    })),
    malformed: 0,
  };
}

function rowsOf(value: unknown, depth: number): Rows {
  if (depth > DEEPEST) return BAD;
  if (Array.isArray(value)) return joined(value.map((entry) => rowsOf(entry, depth + 1)));
  const body = objectOf(value);
  if (value !== body) return BAD;
  // audit.k8s.io/v1 EventList, whose items do not say their kind: Go leaves it out of what stands in a list of one kind.
  if (Array.isArray(body['items']))
    return {
      rows: listOf(body['items']).map((item) =>
        item === objectOf(item) ? { kind: 'Event', ...objectOf(item) } : item,
      ),
      malformed: 0,
    };
  // Cloud Logging's list of entries.
  if (Array.isArray(body['entries'])) return { rows: listOf(body['entries']), malformed: 0 };
  if (Array.isArray(body['logEvents'])) return cloudWatch(body);
  const lambda = textOf(objectOf(body['awslogs'])['data']);
  if (lambda !== '') return inside(unpacked(lambda), depth);
  const pubSub = textOf(objectOf(body['message'])['data']);
  if (pubSub !== '') return inside(unpacked(pubSub), depth);
  // Azure's Event Hub has records with texts inside, Firehose has records of base64.
  if (Array.isArray(body['records']))
    return joined(
      body['records'].map((record) => {
        const data = textOf(objectOf(record)['data']);
        return data === '' ? rowsOf(record, depth + 1) : inside(unpacked(data), depth);
      }),
    );
  return { rows: [body], malformed: 0 };
}

function rowsOfText(text: string, depth: number): Rows {
  const whole = parsed(text);
  if (whole !== undefined) return rowsOf(whole, depth);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length < 2) return BAD;
  return joined(
    lines.map((line) => {
      const value = parsed(line);
      return value === undefined ? BAD : rowsOf(value, depth + 1);
    }),
  );
}

/** The rows of one body: JSON of any of these shapes, or a line of JSON each. */
export const rowsOfBody = (text: string): Rows => rowsOfText(text, 0);
