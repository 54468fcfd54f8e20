/** Inputs from other inputs: a fixed seed gives the same ones in the same order. */

export type Random = (below: number) => number;

/** xorshift32; `below` at most 2^31. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Numbers at which length and size checks turn. */
const EDGES = [0, 1, 7, 8, 63, 64, 255, 256, 511, 512, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff];
const MAX_BYTES = 2048;

type Change = (input: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer;

const flipBit: Change = (input, random) => {
  const at = random(input.length);
  input.writeUInt8(input.readUInt8(at) ^ (1 << random(8)), at);
  return input;
};
const setByte: Change = (input, random) => {
  input.writeUInt8(random(256), random(input.length));
  return input;
};
/** Fields are aligned, so an edge goes where a field may be. */
const setEdge: Change = (input, random) => {
  const at = random(input.length) & ~3;
  if (at + 4 <= input.length) input.writeUInt32LE(EDGES[random(EDGES.length)] ?? 0, at);
  return input;
};
/** Small numbers are kinds, counts and lengths. */
const setSmall: Change = (input, random) => {
  const at = random(input.length) & ~3;
  if (at + 4 <= input.length) input.writeUInt32LE(random(40), at);
  return input;
};
const cut: Change = (input, random) => input.subarray(0, 1 + random(input.length));
const repeat: Change = (input, random) => {
  const from = random(input.length);
  return Buffer.concat([input, input.subarray(from)]).subarray(0, MAX_BYTES);
};
const splice: Change = (input, random, corpus) => {
  const other = corpus[random(corpus.length)] ?? input;
  return Buffer.concat([
    input.subarray(0, random(input.length)),
    other.subarray(random(other.length)),
  ]).subarray(0, MAX_BYTES);
};
const append: Change = (input, random, corpus) =>
  Buffer.concat([input, corpus[random(corpus.length)] ?? input]).subarray(0, MAX_BYTES);

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  setEdge,
  setEdge,
  setSmall,
  setSmall,
  cut,
  repeat,
  splice,
  append,
];

/** One to four changes of one input of the corpus; never empty, at most 2 KiB, two of the largest records. */
export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  let input: Buffer = Buffer.from(corpus[random(corpus.length)] ?? Buffer.alloc(1));
  for (let left = 1 + random(4); left > 0; left -= 1) {
    const change = CHANGES[random(CHANGES.length)] ?? flipBit;
    const changed = change(input, random, corpus);
    if (changed.length > 0) input = changed;
  }
  return input;
}
