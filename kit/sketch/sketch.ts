/**
 * Sketches: small summaries of many values that merge. Kinds and sizes are fixed: two merge only when kind, version,
 * params and hash key are the same, so that a change of any of them is a new version beside the old.
 */
import { SketchError } from './bytes.ts';
import { Cardinality } from './cardinality.ts';
import { Frequency } from './frequency.ts';
import { Quantiles } from './quantiles.ts';

export type Sketch = Cardinality | Quantiles | Frequency;

/** A sketch as it is stored and sent. */
export interface EncodedSketch {
  readonly kind: string;
  readonly version: number;
  readonly params: string;
  readonly bytes: Uint8Array;
}

export const SKETCH_KINDS = [Cardinality, Quantiles, Frequency] as const;
/** No sketch is longer. */
export const MAX_SKETCH_BYTES = 20 * 1024;

const formOf = (sketch: Sketch): (typeof SKETCH_KINDS)[number] =>
  sketch instanceof Cardinality ? Cardinality : sketch instanceof Quantiles ? Quantiles : Frequency;

export function encodeSketch(sketch: Sketch): EncodedSketch {
  const { kind, version, params } = formOf(sketch);
  return { kind, version, params, bytes: sketch.encode() };
}

function formNamed({
  kind,
  version,
  params,
}: Omit<EncodedSketch, 'bytes'>): (typeof SKETCH_KINDS)[number] | null {
  const form = SKETCH_KINDS.find((known) => known.kind === kind);
  return form !== undefined && form.version === version && form.params === params ? form : null;
}

/** Whether this program knows the kind, version and parameters; says nothing of the bytes. */
export const isKnownSketch = (sketch: EncodedSketch): boolean => formNamed(sketch) !== null;

/** @throws SketchError for bytes that are none, and for a kind, version or parameters that are not known here. */
export function decodeSketch(encoded: EncodedSketch): Sketch {
  const { kind, version, params, bytes } = encoded;
  const form = formNamed(encoded);
  if (form === null) throw new SketchError(`${kind} ${version} (${params}) is not known`);
  if (bytes.length > MAX_SKETCH_BYTES) throw new SketchError(`${kind} of ${bytes.length} bytes`);
  return form.decode(bytes);
}

/** The union of both. @throws SketchError when they are not of one kind. */
export function mergeSketches(a: EncodedSketch, b: EncodedSketch): EncodedSketch {
  const [one, other] = [decodeSketch(a), decodeSketch(b)];
  if (one instanceof Cardinality && other instanceof Cardinality) one.merge(other);
  else if (one instanceof Quantiles && other instanceof Quantiles) one.merge(other);
  else if (one instanceof Frequency && other instanceof Frequency) one.merge(other);
  else throw new SketchError(`${a.kind} and ${b.kind} do not merge`);
  return encodeSketch(one);
}
