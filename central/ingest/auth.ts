/** Which node is speaking: the subject of the certificate that TLS has verified against our authority. */
import type { TLSSocket } from 'node:tls';
import { RefusedError, show } from './refused.ts';
import type { NodeIdentity } from './report.ts';

/** Kubernetes node and cluster names, as in DNS (RFC 1123), upper case let through for host names. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** @throws RefusedError when `value` cannot be a cluster's or node's name. */
export function checkName(field: string, value: unknown): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw new RefusedError(
    'PICKET_HOSTILE_NAME',
    `${field}: ${show(value)} is not a name of letters, digits, . _ -`,
  );
}

/** @throws RefusedError when there is no client certificate, or none of ours for a node. */
export function speakerOf(
  socket: Pick<TLSSocket, 'authorized' | 'authorizationError' | 'getPeerCertificate'>,
): NodeIdentity {
  const certificate = socket.getPeerCertificate();
  if (certificate === null || Object.keys(certificate).length === 0)
    throw new RefusedError('PICKET_CERTIFICATE', 'client certificate: none was sent; enrol first');
  if (!socket.authorized)
    throw new RefusedError(
      'PICKET_CERTIFICATE',
      `client certificate: not accepted (${String(socket.authorizationError)}); enrol again`,
    );
  // A repeated field of the subject is a list here, and a text in the types: it is no name of ours either way.
  return {
    cluster: checkName('client certificate O', certificate.subject.O),
    node: checkName('client certificate CN', certificate.subject.CN),
  };
}
