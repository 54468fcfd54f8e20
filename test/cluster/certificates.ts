/** The cluster's authority, and the keys and kubeconfigs of all who speak to the API server. */
import '../../kit/reflect-metadata.ts';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365 * 86_400_000;
const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;

interface Leaf {
  readonly subject: string;
  readonly names?: readonly string[];
}
/** File name to subject; those with names also serve. */
const leaves = (address: string): Readonly<Record<string, Leaf>> => ({
  apiserver: {
    subject: 'CN=kube-apiserver',
    names: [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      '127.0.0.1',
      '10.96.0.1',
      address,
    ],
  },
  node: {
    subject: 'O=system:nodes, CN=system:node:node1',
    names: ['node1', 'localhost', '127.0.0.1', address],
  },
  admin: { subject: 'O=system:masters, CN=admin' },
  // A person who may do nothing but what a test allows.
  dana: { subject: 'O=shop-people, CN=dana' },
  'kubelet-client': { subject: 'O=system:masters, CN=apiserver-kubelet-client' },
  'kube-controller-manager': { subject: 'CN=system:kube-controller-manager' },
  'kube-scheduler': { subject: 'CN=system:kube-scheduler' },
  'kube-proxy': { subject: 'CN=system:kube-proxy' },
  coredns: { subject: 'CN=system:coredns' },
  'front-proxy': { subject: 'CN=front-proxy-client' },
});

const keyPair = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}

function common(keys: webcrypto.CryptoKeyPair) {
  return {
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + YEAR_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
  };
}

function kubeconfig(server: string, files: string, name: string, ca: string): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const user = {
    'client-certificate': join(files, `${name}.crt`),
    'client-key': join(files, `${name}.key`),
  };
  // JSON is YAML.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  });
}

/** Everything below `folder`. `server` is the API server's address, `address` the node's. */
export async function writeCertificates(folder: string, server: string, address: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
  const keys = await keyPair();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(keys),
    name: 'CN=test-ca',
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
    ],
  });
  const ca = `${authority.toString('pem')}\n`;
  put('ca.crt', ca);
  put('ca.key', await privatePem(keys));
  for (const [name, { subject, names }] of Object.entries(leaves(address))) {
    const own = await keyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      ...common(own),
      subject,
      issuer: authority.subject,
      signingKey: keys.privateKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension(names ? [serverAuth, clientAuth] : [clientAuth]),
        ...(names ? [alternatives(names)] : []),
      ],
    });
    put(`${name}.crt`, `${certificate.toString('pem')}\n`);
    put(`${name}.key`, await privatePem(own));
    put(`${name}.kubeconfig`, kubeconfig(server, folder, name, ca));
  }
  const tokens = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  put('tokens.key', tokens.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  put('tokens.pub', tokens.publicKey.export({ type: 'spki', format: 'pem' }).toString());
}

/**
 * A certificate of the cluster's authority for somebody: NAME.crt and NAME.key in the run's keys.
 * @returns their path without its end
 */
export async function writeClientCertificate(
  run: string,
  { name, groups }: { readonly name: string; readonly groups: readonly string[] },
): Promise<string> {
  const file = (end: string): string => join(run, 'pki', end);
  const authority = new x509.X509Certificate(readFileSync(file('ca.crt'), 'utf8'));
  const [der] = x509.PemConverter.decode(readFileSync(file('ca.key'), 'utf8'));
  if (der === undefined) throw new Error(`${file('ca.key')}: no key`);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  const keys = await keyPair();
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(keys),
    subject: [...groups.map((group) => `O=${group}`), `CN=${name}`].join(', '),
    issuer: authority.subject,
    signingKey,
    extensions: [new x509.ExtendedKeyUsageExtension([clientAuth])],
  });
  writeFileSync(file(`${name}.crt`), `${certificate.toString('pem')}\n`, { mode: 0o600 });
  writeFileSync(file(`${name}.key`), await privatePem(keys), { mode: 0o600 });
  return file(name);
}

/** Asks for a certificate of this subject, as a CertificateSigningRequest has it. */
export async function signingRequest(subject: string): Promise<string> {
  const keys = await keyPair();
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return Buffer.from(made.toString('pem')).toString('base64');
}

function alternatives(names: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
  );
}
