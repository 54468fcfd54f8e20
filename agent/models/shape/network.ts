/**
 * A trained autoencoder as plain numbers, and its forward pass. The agent scores with this instead of TensorFlow.js, which
 * alone takes more memory than the whole agent may; that both give the same is tested on every backend that is installed.
 */

export interface Layer {
  /** Inputs × outputs, row by row: the order of a kernel of TensorFlow's dense layer. */
  readonly kernel: readonly number[];
  readonly bias: readonly number[];
  readonly activation: 'tanh' | 'linear';
}

export type Network = readonly Layer[];

/** Most numbers that a network may have; of 34 features it has some 1,500. */
const MAX_WEIGHTS = 65_536;

function forward({ kernel, bias, activation }: Layer, input: Float64Array): Float64Array {
  const out = Float64Array.from(bias);
  const width = bias.length;
  for (let i = 0; i < input.length; i += 1) {
    const value = input[i] ?? 0;
    if (value === 0) continue;
    const row = i * width;
    for (let j = 0; j < width; j += 1) out[j] = (out[j] ?? 0) + value * (kernel[row + j] ?? 0);
  }
  if (activation === 'tanh') for (let j = 0; j < width; j += 1) out[j] = Math.tanh(out[j] ?? 0);
  return out;
}

/** What the network makes of its input; of the same length. */
export const reconstruct = (network: Network, input: Float64Array): Float64Array =>
  network.reduce((values, layer) => forward(layer, values), input);

const bytesOf = (numbers: readonly number[]): string =>
  Buffer.from(Float64Array.from(numbers).buffer).toString('base64');

/** Half as long as text, and the same numbers; what `networkOf` reads as well. */
export const packed = (network: Network): unknown =>
  network.map(({ kernel, bias, activation }) => ({
    kernel: bytesOf(kernel),
    bias: bytesOf(bias),
    activation,
  }));

/** Numbers that were packed, or are a list. */
function unpacked(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > MAX_WEIGHTS * 11) return value;
  const bytes = Buffer.from(value, 'base64');
  const count = Math.floor(bytes.length / Float64Array.BYTES_PER_ELEMENT);
  return Array.from({ length: count }, (_, i) => bytes.readDoubleLE(i * Float64Array.BYTES_PER_ELEMENT));
}

const areNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(Number.isFinite);

function layerOf(value: unknown, inputs: number): Layer {
  const { activation, ...weights } = (value ?? {}) as Record<string, unknown>;
  const [kernel, bias] = [unpacked(weights['kernel']), unpacked(weights['bias'])];
  if (!areNumbers(kernel) || !areNumbers(bias)) throw new TypeError('a layer whose weights are no numbers');
  if (activation !== 'tanh' && activation !== 'linear')
    throw new TypeError(`a layer with activation ${String(activation)}`);
  if (kernel.length !== inputs * bias.length)
    throw new TypeError(
      `a layer of ${inputs} inputs and ${bias.length} outputs with ${kernel.length} weights`,
    );
  return { kernel, bias, activation };
}

/** A network of so many inputs and outputs from plain JSON. @throws TypeError saying what is wrong with it. */
export function networkOf(value: unknown, inputs: number): Network {
  if (!Array.isArray(value) || value.length === 0 || value.length > 8)
    throw new TypeError('no list of layers');
  const network: Layer[] = [];
  let width = inputs;
  let weights = 0;
  for (const entry of value) {
    const layer = layerOf(entry, width);
    width = layer.bias.length;
    weights += layer.kernel.length + width;
    network.push(layer);
  }
  if (width !== inputs) throw new TypeError(`a network of ${inputs} inputs and ${width} outputs`);
  if (weights > MAX_WEIGHTS) throw new TypeError(`a network of ${weights} weights`);
  return network;
}
