/** Is this order from central, for this node, and to be acted on now? Nothing of an order is read before its signature holds. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import {
  allowedProblems,
  decodeOrder,
  MalformedError,
  type Order,
  type SignedOrder,
} from '../../wire/index.ts';

export interface OrderKey {
  readonly id: string;
  /** PEM, SubjectPublicKeyInfo of an Ed25519 key. */
  readonly publicKey: string;
}

export type OrderRefusal =
  | 'unknown-key'
  | 'bad-signature'
  | 'malformed'
  | 'other-cluster'
  | 'other-node'
  | 'out-of-bounds'
  | 'expired';

/** Nobody needs a containment of more than a week without saying so again. */
export const MAX_LEASE_MS = 7 * 86_400_000;
const MAX_TEXT = 4096;
const ORDER_ID = /^[A-Za-z0-9_-]{1,128}$/;

export type Verdict =
  | { readonly ok: true; readonly order: Order }
  /** `order` is there when the signature holds and the order is meant for this node: then the refusal is reported. */
  | { readonly ok: false; readonly refusal: OrderRefusal; readonly order: Order | null };

export interface Verifier {
  verify(signed: SignedOrder, nowMs: number): Verdict;
}

function withinBounds(order: Order, nowMs: number): boolean {
  const { target } = order;
  const texts = [order.reason, order.actor, order.incident, target?.podUid, target?.containerName];
  texts.push(target?.containerId, target?.workload);
  const named = order.kind === 'release' ? ORDER_ID.test(order.releases) : target !== null;
  return (
    ORDER_ID.test(order.id) &&
    (order.kind === 'contain' || order.kind === 'release') &&
    named &&
    texts.every((text) => (text ?? '').length <= MAX_TEXT) &&
    allowedProblems(order.allow).length === 0 &&
    (order.kind === 'release' || (order.leaseMs > 0 && order.leaseMs <= MAX_LEASE_MS)) &&
    order.notAfterMs <= nowMs + 2 * MAX_LEASE_MS
  );
}

/** Checks orders for one node against the keys it was enrolled with. @throws when a key is not one. */
export function createVerifier(options: {
  readonly cluster: string;
  readonly node: string;
  readonly keys: readonly OrderKey[];
}): Verifier {
  const keys = new Map<string, KeyObject>();
  for (const { id, publicKey } of options.keys) {
    const key = createPublicKey(publicKey);
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`order key ${id}: ${key.asymmetricKeyType}, not ed25519`);
    keys.set(id, key);
  }
  const refuse = (refusal: OrderRefusal, order: Order | null = null): Verdict => ({
    ok: false,
    refusal,
    order,
  });
  return {
    verify(signed, nowMs) {
      const key = keys.get(signed.keyId);
      if (key === undefined) return refuse('unknown-key');
      if (!verify(null, signed.payload, key, signed.signature)) return refuse('bad-signature');
      let order: Order;
      try {
        order = decodeOrder(signed.payload);
      } catch (error) {
        if (error instanceof MalformedError) return refuse('malformed');
        throw error;
      }
      if (order.cluster !== options.cluster) return refuse('other-cluster');
      if (order.node !== options.node) return refuse('other-node');
      if (!withinBounds(order, nowMs)) return refuse('out-of-bounds', ORDER_ID.test(order.id) ? order : null);
      if (order.notAfterMs <= nowMs) return refuse('expired', order);
      return { ok: true, order };
    },
  };
}
