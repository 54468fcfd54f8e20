/** A node's certificate: the first against the join token, each further one against the certificate it has. */

import { checkName } from './auth.ts';
import { RefusedError, show } from './refused.ts';
import type { NodeIdentity } from './report.ts';

/** What enrolment needs of the pki and the store. */
export interface EnrolParts {
  /** The cluster that this central is for. */
  readonly cluster: string;
  readonly joinToken: string;
  readonly sameSecret: (a: string, b: string) => boolean;
  readonly authority: {
    readonly certificate: string;
    signNode(
      request: string,
      subject: NodeIdentity,
    ): Promise<{ readonly certificate: string; readonly serial: string; readonly notAfterMs: number }>;
  };
  readonly orderKeys: () => readonly { readonly id: string; readonly publicKey: string }[];
  /** Newest first. */
  readonly hashKeys: () => readonly { readonly secret: string }[];
  readonly record: (enrolment: Enrolment) => Promise<void>;
}
export interface Enrolment extends NodeIdentity {
  readonly kind: 'enrol' | 'renew';
  readonly serial: string;
  readonly notAfterMs: number;
  /** Peer's IP address. */
  readonly address: string;
}
export interface EnrolReply {
  readonly certificate: string;
  readonly ca: string;
  readonly orderKeys: readonly { readonly id: string; readonly publicKey: string }[];
  readonly hashKeys: readonly string[];
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (cause) {
    throw new RefusedError('PICKET_MALFORMED', 'body: not JSON', { cause });
  }
  throw new RefusedError('PICKET_MALFORMED', 'body: not an object');
}

async function signed(
  parts: EnrolParts,
  wanted: Omit<Enrolment, 'serial' | 'notAfterMs'>,
  csr: unknown,
): Promise<EnrolReply> {
  if (typeof csr !== 'string') throw new RefusedError('PICKET_CSR', 'csr: missing');
  const made = await parts.authority.signNode(csr, wanted).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'PICKET_CSR')
      throw new RefusedError('PICKET_CSR', error.message, { cause: error });
    throw error;
  });
  await parts.record({ ...wanted, serial: made.serial, notAfterMs: made.notAfterMs });
  return {
    certificate: made.certificate,
    ca: parts.authority.certificate,
    orderKeys: parts.orderKeys(),
    hashKeys: parts.hashKeys().map(({ secret }) => secret),
  };
}

/** POST /v1/enrol. @throws RefusedError */
export async function enrol(parts: EnrolParts, body: Uint8Array, address: string): Promise<EnrolReply> {
  const { token, cluster, node, csr } = parse(body);
  if (typeof token !== 'string' || !parts.sameSecret(token, parts.joinToken))
    throw new RefusedError('PICKET_TOKEN', 'token: not the join token of this central');
  const subject = { cluster: checkName('cluster', cluster), node: checkName('node', node) };
  if (subject.cluster !== parts.cluster)
    throw new RefusedError('PICKET_IDENTITY', `cluster: ${show(cluster)} is not ${show(parts.cluster)}`);
  return signed(parts, { ...subject, kind: 'enrol', address }, csr);
}

/** POST /v1/renew: the same node again, whatever the request says. @throws RefusedError */
export async function renew(
  parts: EnrolParts,
  speaker: NodeIdentity,
  body: Uint8Array,
  address: string,
): Promise<EnrolReply> {
  const { csr } = parse(body);
  return signed(parts, { cluster: speaker.cluster, node: speaker.node, kind: 'renew', address }, csr);
}
