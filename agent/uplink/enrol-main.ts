/**
 * A process that asks central for a certificate and ends: making a request takes 19 MB of library that the agent does
 * not keep. Reads an EnrolRequest as JSON from standard input, writes the EnrolAnswer as JSON to standard output. The
 * token and the key never stand on a command line.
 */
import '../../kit/reflect-metadata.ts';
import { webcrypto } from 'node:crypto';
import { request as https } from 'node:https';
import { text } from 'node:stream/consumers';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { EnrolAnswer, EnrolRequest } from './enrol.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const ANSWER_MS = 15_000;

async function makeRequest(cluster: string, node: string): Promise<{ key: string; csr: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [node] }, { O: [cluster] }],
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { key, csr: csr.toString('pem') };
}

function post(order: EnrolRequest, body: string): Promise<{ status: number; text: string }> {
  const { url, ca, credentials } = order;
  return new Promise((resolve, reject) => {
    const sent = https(
      new URL(credentials === null ? '/v1/enrol' : '/v1/renew', url),
      {
        method: 'POST',
        ca,
        minVersion: 'TLSv1.3',
        timeout: ANSWER_MS,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...(credentials === null ? {} : { key: credentials.key, cert: credentials.certificate }),
      },
      (answer) => {
        text(answer).then((found) => resolve({ status: answer.statusCode ?? 0, text: found }), reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`central gave no answer in ${ANSWER_MS} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** An older central gives none; what is none is left out, so that it costs sketches and not the enrolment. */
function hashKeysOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : []).filter(
    (key: unknown): key is string => typeof key === 'string' && /^[0-9a-f]{64}$/.test(key),
  );
}

async function enrol(order: EnrolRequest): Promise<EnrolAnswer> {
  const { key, csr } = await makeRequest(order.cluster, order.node);
  const { cluster, node, token } = order;
  const shown = order.byAccount ? { serviceAccountToken: token } : { token };
  const { status, text: answer } = await post(order, JSON.stringify({ ...shown, cluster, node, csr }));
  const value = JSON.parse(answer) as {
    certificate?: unknown;
    ca?: unknown;
    orderKeys?: { id: string; publicKey: string }[];
    hashKeys?: unknown;
    error?: { code?: unknown; message?: unknown };
  };
  if (status !== 200)
    return {
      ok: false,
      code: String(value.error?.code ?? `HTTP_${status}`),
      message: String(value.error?.message ?? ''),
    };
  const { certificate, ca, orderKeys } = value;
  if (typeof certificate !== 'string' || typeof ca !== 'string' || !Array.isArray(orderKeys))
    return { ok: false, code: 'PICKET_REPLY', message: 'an answer without certificate, ca and orderKeys' };
  return { ok: true, enrolled: { key, certificate, ca, orderKeys, hashKeys: hashKeysOf(value.hashKeys) } };
}

const order = JSON.parse(await text(process.stdin)) as EnrolRequest;
const answer = await enrol(order).catch((error: unknown): EnrolAnswer => {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { ok: false, code: String(code ?? 'FAILED'), message: String(message) };
});
process.stdout.write(JSON.stringify(answer));
