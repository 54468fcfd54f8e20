/** The bytes that an order's signature covers; later stages sign them without knowing the wire. */
export { encodeOrder as encodeOrderPayload } from '../../wire/index.ts';
