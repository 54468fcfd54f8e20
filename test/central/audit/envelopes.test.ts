import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeAudit } from '../../../central/audit/decode.ts';
import { rowsOfBody } from '../../../central/audit/envelopes.ts';
import { auditEvent } from './events.ts';

const event = auditEvent({ user: 'grace' });
const text = JSON.stringify(event);
// As a real API server's: what is in a list does not say its kind.
const { kind: _, apiVersion: __, ...item } = event as Record<string, unknown>;
const logGroup = '/aws/eks/prod/cluster';
const cloudWatch = {
  messageType: 'DATA_MESSAGE',
  owner: '1',
  logGroup,
  logStream: 'kube-apiserver-audit-1',
  logEvents: [{ id: '1', timestamp: 1, message: text }],
};
const packed = gzipSync(JSON.stringify(cloudWatch)).toString('base64');
const gke = {
  insertId: 'g',
  protoPayload: {
    methodName: 'io.k8s.core.v1.pods.exec.create',
    resourceName: 'core/v1/namespaces/shop/pods/web-0/exec',
    authenticationInfo: { principalEmail: 'grace' },
  },
};

test.each<[string, string, string]>([
  ['the API server’s batch', JSON.stringify({ kind: 'EventList', items: [item] }), 'kubernetes'],
  ['a line each', `${text}\n${text}\n`, 'kubernetes'],
  ['one event', text, 'kubernetes'],
  ['CloudWatch’s subscription', JSON.stringify(cloudWatch), 'eks'],
  ['CloudWatch through Lambda', JSON.stringify({ awslogs: { data: packed } }), 'eks'],
  ['CloudWatch through Firehose', JSON.stringify({ requestId: 'r', records: [{ data: packed }] }), 'eks'],
  [
    'Azure’s Event Hub',
    JSON.stringify({ records: [{ category: 'kube-audit', properties: { log: text } }] }),
    'aks',
  ],
  ['Cloud Logging’s list', JSON.stringify({ entries: [gke] }), 'gke'],
  [
    'Cloud Logging through Pub/Sub',
    JSON.stringify({ message: { data: Buffer.from(JSON.stringify(gke)).toString('base64') } }),
    'gke',
  ],
])('reads %s', (_, body, provider) => {
  const { rows, malformed } = rowsOfBody(body);
  const events = rows.map(decodeAudit);
  expect([malformed, events[0]?.user, events[0]?.provider]).toEqual([0, 'grace', provider]);
});

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['a number', '7'],
  [
    'a broken bundle',
    JSON.stringify({ awslogs: { data: Buffer.from([0x1f, 0x8b, 1, 2]).toString('base64') } }),
  ],
])('%s has no rows, and is counted', (_, body) => {
  expect(rowsOfBody(body)).toEqual({ rows: [], malformed: 1 });
});

test('a line that is cut does not take the others with it', () => {
  expect(rowsOfBody(`${text}\n{"kind":"Ev\n${text}`)).toMatchObject({ rows: [event, event], malformed: 1 });
});

test('envelopes that stand in each other without end are no log', () => {
  let body: unknown = event;
  for (let i = 0; i < 50; i += 1) body = [body];
  expect(rowsOfBody(JSON.stringify(body))).toEqual({ rows: [], malformed: 1 });
});

test('a small bundle that unpacks to very much is refused', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 ** 2, 32)).toString('base64');
  expect(rowsOfBody(JSON.stringify({ awslogs: { data: bomb } }))).toEqual({ rows: [], malformed: 1 });
});
