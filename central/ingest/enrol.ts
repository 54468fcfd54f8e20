/**
 * A node's certificate: the first against the node's own service-account token, which names the node, or against the join
 * token, which is the same for all; each further one against the certificate it has.
 */

import { checkName } from './auth.ts';
import { RefusedError, show } from './refused.ts';
import type { NodeIdentity } from './report.ts';

/** What enrolment needs of the pki and the store. */
export interface EnrolParts {
  /** The cluster that this central is in. */
  readonly cluster: string;
  /** Null: none is taken. */
  readonly joinToken: string | null;
  /**
   * By cluster: the node on which the pod runs that a service-account token was given to.
   * @throws RefusedError
   */
  readonly nodeOfToken: ReadonlyMap<string, (token: string) => Promise<string>>;
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

/** By the join token any name is taken, by a service-account token only that of its own node. @throws RefusedError */
async function checkToken(
  parts: EnrolParts,
  { token, serviceAccountToken }: Record<string, unknown>,
  { cluster, node }: NodeIdentity,
): Promise<void> {
  if (serviceAccountToken === undefined) {
    if (typeof token !== 'string' || parts.joinToken === null || !parts.sameSecret(token, parts.joinToken))
      throw new RefusedError('PICKET_TOKEN', 'token: not the join token of this central');
    if (cluster !== parts.cluster)
      throw new RefusedError('PICKET_IDENTITY', `cluster: ${show(cluster)} is not ${show(parts.cluster)}`);
    return;
  }
  const nodeOfToken = parts.nodeOfToken.get(cluster);
  if (nodeOfToken === undefined)
    throw new RefusedError('PICKET_IDENTITY', `cluster: no API server is known for ${show(cluster)}`);
  if (typeof serviceAccountToken !== 'string' || serviceAccountToken === '')
    throw new RefusedError('PICKET_TOKEN', 'serviceAccountToken: not a token');
  const own = await nodeOfToken(serviceAccountToken);
  if (own !== node)
    throw new RefusedError(
      'PICKET_IDENTITY',
      `node: ${show(node)} is not ${show(own)}, on which the token's pod runs`,
    );
}

/** POST /v1/enrol. @throws RefusedError */
export async function enrol(parts: EnrolParts, body: Uint8Array, address: string): Promise<EnrolReply> {
  const asked = parse(body);
  const subject = { cluster: checkName('cluster', asked['cluster']), node: checkName('node', asked['node']) };
  await checkToken(parts, asked, subject);
  return signed(parts, { ...subject, kind: 'enrol', address }, asked['csr']);
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
