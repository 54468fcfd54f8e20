/**
 * The certificate authority of one installation: ECDSA P-256, certificates for nodes and for central itself.
 * @peculiar/x509 takes 19 MB, so it is loaded when a certificate is made and not before.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type * as X509 from '@peculiar/x509';
import type { Clock } from '../../kit/clock.ts';
import { readOrMakePrivate, readPrivate, replacePrivate } from './files.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Nodes renew when a third is left, so that a node which is off for a month still comes back by itself. */
export const NODE_DAYS = 90;
const SERVER_DAYS = 90;
/** Clocks of nodes may lag; a certificate counts from this long before it was made. */
const SKEW_MS = 3_600_000;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export interface NodeSubject {
  readonly cluster: string;
  readonly node: string;
}
export interface KeyPair {
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}
export interface IssuedCertificate {
  readonly certificate: string;
  readonly serial: string;
  readonly notAfterMs: number;
}
/** A request that cannot be signed: unreadable, wrong key type, or not signed by its own key. */
export class RequestError extends Error {
  readonly code = 'PICKET_CSR';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RequestError';
  }
}

export interface Authority {
  /** The authority's own certificate, PEM. */
  readonly certificate: string;
  /**
   * A client certificate for `subject`, with the request's public key and nothing else of the request.
   * @throws RequestError
   */
  signNode(request: string, subject: NodeSubject): Promise<IssuedCertificate>;
  /** The server's key and certificate: those on disk while the names fit and a third of their life is left. */
  server(names: readonly string[]): Promise<KeyPair>;
}

let library: Promise<typeof X509> | null = null;
function x509(): Promise<typeof X509> {
  library ??= import('../../kit/reflect-metadata.ts').then(() => import('@peculiar/x509'));
  return library;
}

function pemOf(der: ArrayBuffer, label: string): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
}

const serial = (): string =>
  ((randomBytes(1).readUInt8() & 0x7f) | 0x40).toString(16) + randomBytes(15).toString('hex');

function lifetime(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const now = clock.wallMs();
  return { notBefore: new Date(now - SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** Key first, certificate second; both are kept in one file each, and the certificate is made again from the key if it is gone. */
async function openAuthority(folder: string, clock: Clock): Promise<KeyPair> {
  const key = await readOrMakePrivate(join(folder, 'ca.key'), async () => {
    const made = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    return pemOf(await webcrypto.subtle.exportKey('pkcs8', made.privateKey), 'PRIVATE KEY');
  });
  const certificate = await readOrMakePrivate(join(folder, 'ca.crt'), async () => {
    const lib = await x509();
    const signingKey = await importKey(key);
    const jwk = await webcrypto.subtle.exportKey('jwk', signingKey);
    const publicKey = await webcrypto.subtle.importKey(
      'jwk',
      { kty: 'EC', crv: 'P-256', x: jwk.x ?? '', y: jwk.y ?? '' },
      ALGORITHM,
      true,
      ['verify'],
    );
    const made = await lib.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: 'CN=picket authority',
      issuer: 'CN=picket authority',
      ...lifetime(clock, AUTHORITY_DAYS),
      publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new lib.BasicConstraintsExtension(true, 0, true),
        new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.cRLSign, true),
        await lib.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    return `${made.toString('pem')}\n`;
  });
  return { key, certificate };
}

async function verifiedRequest(lib: typeof X509, request: string): Promise<X509.Pkcs10CertificateRequest> {
  try {
    const parsed = new lib.Pkcs10CertificateRequest(request);
    const algorithm = parsed.publicKey.algorithm as { name?: string; namedCurve?: string };
    if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256')
      throw new RequestError('csr: the key is not ECDSA P-256');
    if (!(await parsed.verify())) throw new RequestError('csr: not signed by its own key');
    return parsed;
  } catch (cause) {
    if (cause instanceof RequestError) throw cause;
    throw new RequestError('csr: not a certificate request in PEM', { cause });
  }
}

async function issue(
  authority: KeyPair,
  clock: Clock,
  wanted: {
    name: X509.JsonName;
    publicKey: X509.PublicKeyType;
    usage: string;
    alternative: X509.JsonGeneralNames;
    days: number;
  },
): Promise<IssuedCertificate> {
  const lib = await x509();
  const issuer = new lib.X509Certificate(authority.certificate);
  const made = await lib.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: wanted.name,
    issuer: issuer.subjectName.toJSON(),
    ...lifetime(clock, wanted.days),
    publicKey: wanted.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
      new lib.ExtendedKeyUsageExtension([wanted.usage], true),
      new lib.SubjectAlternativeNameExtension(wanted.alternative),
      await lib.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return {
    certificate: `${made.toString('pem')}\n`,
    serial: made.serialNumber,
    notAfterMs: made.notAfter.getTime(),
  };
}

/** The names of a certificate as central-names has them. */
function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .map((entry) => entry.replace(/^(DNS|IP Address):/, ''))
    .sort();
}

function stillGood(
  pair: { key: string | null; certificate: string | null },
  names: readonly string[],
  now: number,
): boolean {
  if (pair.key === null || pair.certificate === null) return false;
  const certificate = new X509Certificate(pair.certificate);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const fits = JSON.stringify(namesOf(certificate)) === JSON.stringify([...new Set(names)].sort());
  return fits && certificate.checkPrivateKey(createPrivateKey(pair.key)) && to - now > (to - from) / 3;
}

async function makeServer(authority: KeyPair, clock: Clock, names: readonly string[]): Promise<KeyPair> {
  const pair = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const { certificate } = await issue(authority, clock, {
    name: [{ CN: ['picket central'] }],
    publicKey: pair.publicKey,
    usage: SERVER_AUTH,
    alternative: [...new Set(names)].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    days: SERVER_DAYS,
  });
  return {
    key: pemOf(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey), 'PRIVATE KEY'),
    certificate,
  };
}

/** Opens the authority kept in `folder`, or makes it there. @throws KeyFileError when others can read its keys. */
export async function createAuthority(parts: { folder: string; clock: Clock }): Promise<Authority> {
  const { folder, clock } = parts;
  const authority = await openAuthority(folder, clock);
  return {
    certificate: authority.certificate,
    async signNode(request, subject) {
      const verified = await verifiedRequest(await x509(), request);
      return issue(authority, clock, {
        name: [{ CN: [subject.node] }, { O: [subject.cluster] }],
        publicKey: verified.publicKey,
        usage: CLIENT_AUTH,
        alternative: [
          {
            type: 'url',
            value: `picket://${encodeURIComponent(subject.cluster)}/${encodeURIComponent(subject.node)}`,
          },
        ],
        days: NODE_DAYS,
      });
    },
    async server(names) {
      const [keyFile, certificateFile] = [join(folder, 'server.key'), join(folder, 'server.crt')];
      const there = { key: readPrivate(keyFile), certificate: readPrivate(certificateFile) };
      const issuedByUs =
        there.certificate !== null &&
        new X509Certificate(there.certificate).verify(new X509Certificate(authority.certificate).publicKey);
      if (issuedByUs && stillGood(there, names, clock.wallMs())) return there as KeyPair;
      const made = await makeServer(authority, clock, names);
      replacePrivate(keyFile, made.key);
      replacePrivate(certificateFile, made.certificate);
      return made;
    },
  };
}
