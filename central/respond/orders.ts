/** Orders to nodes: the signed envelope, and the states an order goes through. */
import { randomBytes } from 'node:crypto';
import type { SignedOrder } from '../ingest/report.ts';
import type { Action } from './policy.ts';

/**
 * queued → sent → applied, done, failed or refused → released or expired. `done`: it was done, and nothing of it lasts. A node may answer out of order and twice: the table
 * below says which answers change anything.
 */
export const STATES = [
  'queued',
  'sent',
  'applied',
  'done',
  'failed',
  'refused',
  'released',
  'expired',
] as const;
export type OrderState = (typeof STATES)[number];
/** Which states may follow; what is not here is ignored and counted. */
const NEXT: Readonly<Record<OrderState, readonly OrderState[]>> = {
  queued: ['sent', 'applied', 'done', 'failed', 'refused', 'released', 'expired'],
  sent: ['applied', 'done', 'failed', 'refused', 'released', 'expired'],
  applied: ['released', 'expired', 'failed'],
  failed: ['applied', 'done'],
  done: [],
  refused: [],
  released: [],
  expired: [],
};
export const follows = (from: OrderState, to: OrderState): boolean => NEXT[from].includes(to);

export interface OrderTarget {
  readonly podUid: string;
  readonly containerName: string;
  readonly containerId: string;
  readonly workload: string;
}
/** As in the wire's Order. */
export interface OrderPayload {
  readonly id: string;
  readonly cluster: string;
  readonly node: string;
  readonly kind: 'contain' | 'release';
  readonly target: OrderTarget;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  readonly execDeny: boolean;
  readonly cutProbes: boolean;
  readonly allow: readonly string[];
  readonly freeze: boolean;
  readonly kill: boolean;
  readonly leaseMs: number;
  readonly notAfterMs: number;
  readonly reason: string;
  readonly actor: string;
  readonly incident: string;
  readonly releases: string;
  readonly issuedMs: number;
}
/** What a node found when it looked whether an order took effect. */
export interface Effect {
  /** tried, read-back or no. */
  readonly verified: string;
  readonly proof: readonly string[];
  readonly open: readonly string[];
}
export interface Order extends OrderPayload {
  readonly state: OrderState;
  /** The policy that asked, or empty. */
  readonly policy: string;
  /** The release order that takes this one back, or empty. */
  readonly releasedBy: string;
  /** What the node said with its last answer. */
  readonly detail: string;
  /** Unix time at which the node says that the lease ends; 0: not applied. */
  readonly untilMs: number;
  readonly sentMs: number;
  /** Null: not told. */
  readonly effect: Effect | null;
  readonly signed: SignedOrder;
}

/** A release is worth delivering for as long as any lease can last. */
const RELEASE_NOT_AFTER_MS = 8 * 86_400_000;
/** How long a contain order may be on its way and still begin. */
const DELIVERY_MS = 300_000;

export interface Signer {
  readonly id: string;
  sign(payload: Uint8Array): Uint8Array;
}
export interface OrderFactory {
  contain(wanted: {
    cluster: string;
    node: string;
    target: OrderTarget;
    action: Action;
    reason: string;
    actor: string;
    incident: string;
    policy: string;
  }): Order;
  release(order: Order, by: { actor: string; reason: string }): Order;
}

/** `encode` gives the bytes of the wire's Order: the signature covers exactly these. */
export function createOrderFactory(parts: {
  signer: Signer;
  encode: (payload: OrderPayload) => Uint8Array;
  nowMs: () => number;
}): OrderFactory {
  const sealed = (payload: OrderPayload, policy: string): Order => {
    const bytes = parts.encode(payload);
    return {
      ...payload,
      state: 'queued',
      policy,
      releasedBy: '',
      detail: '',
      untilMs: 0,
      sentMs: 0,
      effect: null,
      signed: { payload: bytes, keyId: parts.signer.id, signature: parts.signer.sign(bytes) },
    };
  };
  const id = (): string => `ord-${randomBytes(10).toString('hex')}`;
  return {
    contain({ cluster, node, target, action, reason, actor, incident, policy }) {
      const issuedMs = parts.nowMs();
      const { leaseMs, networkDeny, killOnExec, execDeny, cutProbes, allow, freeze, kill } = action;
      const notAfterMs = issuedMs + leaseMs + Math.min(leaseMs, DELIVERY_MS);
      const flags = { networkDeny, killOnExec, execDeny, cutProbes, allow, freeze, kill };
      const what = { ...flags, leaseMs, notAfterMs, reason, actor, incident };
      return sealed(
        { id: id(), cluster, node, kind: 'contain', target, ...what, releases: '', issuedMs },
        policy,
      );
    },
    release(order, { actor, reason }) {
      const issuedMs = parts.nowMs();
      const { cluster, node, target, incident } = order;
      const what = {
        networkDeny: false,
        killOnExec: false,
        execDeny: false,
        cutProbes: false,
        allow: [],
        freeze: false,
        kill: false,
        leaseMs: 0,
        reason,
        actor,
        incident,
      };
      const notAfterMs = issuedMs + RELEASE_NOT_AFTER_MS;
      return sealed(
        {
          id: id(),
          cluster,
          node,
          kind: 'release',
          target,
          ...what,
          notAfterMs,
          releases: order.id,
          issuedMs,
        },
        '',
      );
    },
  };
}
