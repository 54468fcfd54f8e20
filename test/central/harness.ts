/** A real central on free ports with a state of its own, and a node that speaks to it as an agent does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../kit/reflect-metadata.ts';
import * as x509 from '@peculiar/x509';
import { type Central, type CentralReady, createCentral } from '../../central/central.ts';
import { type CentralSettings, centralRows } from '../../central/settings.ts';
import { systemClock } from '../../kit/clock.ts';
import { createLog } from '../../kit/log.ts';
import { readSettings } from '../../kit/read-settings.ts';
import {
  DelimitedReader,
  decodeReply,
  decodeSignedOrder,
  encodeSummary,
  type Input,
  MAX_ORDER_BYTES,
  type Reply,
  type SignedOrder,
  type Summary,
} from '../../wire/index.ts';

export const EXAMPLES = join(import.meta.dirname, '../../manifests/examples/policies');
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface Identity {
  readonly key: string;
  readonly certificate: string;
  readonly orderKeys: readonly { id: string; publicKey: string }[];
  readonly hashKeys: readonly string[];
}
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}
export type Sent = {
  readonly status: number;
  readonly reply: Reply | null;
  readonly error: { code: string; message: string } | null;
};

export interface TestCentral {
  readonly folder: string;
  readonly settings: CentralSettings;
  readonly ready: CentralReady;
  readonly central: Central;
  /** One person's call; the token is that of `admin` unless another is given. */
  call(
    method: string,
    path: string,
    body?: object,
    token?: string,
  ): Promise<{ status: number; value: Record<string, unknown> }>;
  metric(line: string): Promise<number>;
  enrol(node?: string, change?: Record<string, unknown>): Promise<Identity>;
  node(identity: Identity | null): TestNode;
  /** Stops central; the state stays. */
  stop(): Promise<void>;
}
export interface TestNode {
  send(summary: Input<Summary> | Uint8Array): Promise<Sent>;
  post(path: string, body: Uint8Array | string): Promise<Answer>;
  /** Opens the order stream; `next` resolves with the next order on it. */
  orders(): Promise<{ next(): Promise<SignedOrder>; stream: ClientHttp2Stream }>;
  close(): void;
}

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'picket-central-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function settingsFor(folder: string, flags: Record<string, string> = {}): CentralSettings {
  const free = '127.0.0.1:0';
  return readSettings(centralRows, {
    flags: {
      'state-folder': folder,
      'central-listen': free,
      'api-listen': free,
      'central-metrics-listen': free,
      'log-level': 'silent',
      ...flags,
    },
    environment: {},
    file: null,
  });
}

const pem = (der: ArrayBuffer): string =>
  `-----BEGIN PRIVATE KEY-----\n${Buffer.from(der).toString('base64')}\n-----END PRIVATE KEY-----\n`;

/** A key and a request for a certificate that names what it likes: central takes the subject from elsewhere. */
export async function request(subject = 'CN=whoever'): Promise<{ key: string; csr: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return { key: pem(await crypto.subtle.exportKey('pkcs8', keys.privateKey)), csr: csr.toString('pem') };
}

/** A certificate that signs itself, or that another authority signed. */
export async function foreignIdentity(name = 'CN=node-1, O=local'): Promise<Identity> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return {
    key: pem(await crypto.subtle.exportKey('pkcs8', keys.privateKey)),
    certificate: made.toString('pem'),
    orderKeys: [],
    hashKeys: [],
  };
}

function exchange(session: ClientHttp2Session, path: string, body: Uint8Array | string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/x-protobuf',
    });
    let status = 0;
    const pieces: Buffer[] = [];
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => resolve({ status, body: Buffer.concat(pieces) }));
    stream.on('error', reject);
    stream.end(body);
  });
}

export function connectNode(ready: CentralReady, identity: Identity | null): TestNode {
  const session = connect(ready.agents, {
    ca: readFileSync(ready.files.ca),
    ...(identity === null ? {} : { key: identity.key, cert: identity.certificate }),
  });
  session.on('error', () => {});
  const post: TestNode['post'] = (path, body) => exchange(session, path, body);
  return {
    post,
    async send(summary) {
      const { status, body } = await post(
        '/v1/summaries',
        summary instanceof Uint8Array ? summary : encodeSummary(summary),
      );
      if (status === 200) return { status, reply: decodeReply(body), error: null };
      return { status, reply: null, error: JSON.parse(body.toString()).error };
    },
    async orders() {
      const stream = session.request({ ':method': 'GET', ':path': '/v1/orders' });
      const frames = new DelimitedReader(MAX_ORDER_BYTES);
      const [orders, waiting]: [SignedOrder[], ((order: SignedOrder) => void)[]] = [[], []];
      const opened = new Promise<void>((resolve) => {
        stream.on('data', (piece: Buffer) => {
          for (const frame of frames.push(piece).filter(({ length }) => length > 0)) {
            const taker = waiting.shift();
            if (taker === undefined) orders.push(decodeSignedOrder(frame));
            else taker(decodeSignedOrder(frame));
          }
          resolve();
        });
        stream.on('close', resolve);
      });
      stream.on('error', () => {});
      await opened;
      const next = async (): Promise<SignedOrder> =>
        orders.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
      return { next, stream };
    },
    close: () => session.destroy(),
  };
}

/** @throws with central's answer when it is not 200. */
export async function enrol(ready: CentralReady, change: Record<string, unknown> = {}): Promise<Identity> {
  const { key, csr } = await request();
  const token = readFileSync(ready.files.joinToken, 'utf8').trim();
  const node = connectNode(ready, null);
  const body = JSON.stringify({ token, cluster: 'local', node: 'node-1', csr, ...change });
  const answer = await node.post('/v1/enrol', body).finally(() => node.close());
  const value = JSON.parse(answer.body.toString());
  if (answer.status !== 200)
    throw Object.assign(new Error(value.error.message), { status: answer.status, code: value.error.code });
  return { key, certificate: value.certificate, orderKeys: value.orderKeys, hashKeys: value.hashKeys };
}

export function callApi(
  ready: CentralReady,
  asked: { method: string; path: string; body?: object | undefined; token?: string | undefined },
): Promise<{ status: number; value: Record<string, unknown> }> {
  const token = asked.token ?? readFileSync(ready.files.apiToken, 'utf8').trim().split(':')[1];
  return new Promise((resolve, reject) => {
    const call = httpsRequest(
      new URL(asked.path, ready.api),
      {
        method: asked.method,
        ca: readFileSync(ready.files.ca),
        headers: { authorization: `Bearer ${token}` },
        agent: false,
      },
      (response) => {
        let text = '';
        response.on('data', (piece) => {
          text += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) }));
      },
    );
    call.on('error', reject);
    call.end(asked.body === undefined ? undefined : JSON.stringify(asked.body));
  });
}

export async function startCentral(options: {
  folder: string;
  /** YAML of policies, or names of the examples. */
  policies?: readonly string[];
  flags?: Record<string, string>;
  delivery?: { tries: number; wait: { baseMs: number; limitMs: number } };
  tickMs?: number;
}): Promise<TestCentral> {
  const files = (options.policies ?? []).map((policy, index) => {
    if (policy.endsWith('.yaml')) return join(EXAMPLES, policy);
    const path = join(options.folder, `policy-${index}.yaml`);
    writeFileSync(path, policy);
    return path;
  });
  const settings = settingsFor(options.folder, { 'policy-files': files.join(','), ...options.flags });
  const central = createCentral({
    settings,
    clock: systemClock(),
    log: createLog({ name: 'central', level: settings['log-level'] }),
    tickMs: options.tickMs ?? 50,
    ...(options.delivery === undefined ? {} : { delivery: options.delivery }),
  });
  const ready = await central.start();
  const nodes: TestNode[] = [];
  return {
    folder: options.folder,
    settings,
    ready,
    central,
    call: (method, path, body, token) => callApi(ready, { method, path, body, token }),
    async metric(line) {
      const text = await (await fetch(`${ready.metrics}/metrics`)).text();
      const found = text.split('\n').find((one) => one.startsWith(`${line} `));
      return found === undefined ? 0 : Number(found.slice(line.length + 1));
    },
    enrol: (node = 'node-1', change = {}) => enrol(ready, { node, ...change }),
    node(identity) {
      const node = connectNode(ready, identity);
      nodes.push(node);
      return node;
    },
    async stop() {
      for (const node of nodes) node.close();
      await central.stop();
    },
  };
}
