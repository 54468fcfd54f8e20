import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Privacy } from '../../agent/alerts/privacy.ts';
import { hashKey } from '../../kit/sketch/hash-key.ts';
import { encodeSummary } from '../../wire/index.ts';
import { alert, attack, container, detection, summary } from '../builders/summaries.ts';
import {
  foreignIdentity,
  type Identity,
  request,
  startCentral,
  type TestCentral,
  temporaryFolder,
} from './harness.ts';

const folder = temporaryFolder();
let central: TestCentral;
let identity: Identity;
let sequence = 100;
const next = (): number => {
  sequence += 1;
  return sequence;
};

beforeAll(async () => {
  central = await startCentral({ folder: folder.path, flags: { 'max-summary-bytes': '200k' } });
  identity = await central.enrol();
});
afterAll(async () => {
  await central.stop();
  folder.remove();
});

const rows = async (): Promise<unknown> => (await central.call('GET', '/api/v1/status')).value['rows'];
const refused = (code: string): Promise<number> =>
  central.metric(`picket_central_requests_total{route="POST /v1/summaries",code="${code}"}`);

/** A summary of a session and what was found in it, as a node with this privacy tells it. */
function told(privacy: Privacy) {
  const web = container('web-1');
  const session = privacy.session({
    ...{ container: web.id, workload: web.workload, root: '77:1000', wallMs: Date.now(), pid: 77, uid: 0 },
    ...{ exe: 'sh', by: 'runc', argsSha256: '0123456789abcdef', argsCount: 2, argsBytes: 9, argsCut: false },
  });
  const facts = { exe: privacy.value('exe', '/bin/sh'), fact: privacy.value('fact', 'program /bin/sh') };
  const found = { ...detection(web), facts };
  return summary({ sequence: next(), containers: [web], sessions: [session], detections: [found] });
}

describe('private values', () => {
  it.each(['told', 'hashed', 'dropped'] as const)('a summary with values %s is taken', async (how) => {
    const privacy = new Privacy({ how, except: [], own: () => hashKey('5a'.repeat(32)) });
    const { status, error } = await central.node(identity).send(told(privacy));
    expect([status, error]).toEqual([200, null]);
  });

  it('of an agent of before, which hashed the hash of arguments once more, too', async () => {
    const sent = told(new Privacy({ how: 'told', except: [], own: () => hashKey('5a'.repeat(32)) }));
    const sessions = (sent.sessions ?? []).map((one) => ({ ...one, argsSha256: 'hash:0123456789abcdef' }));
    const { status, error } = await central.node(identity).send({ ...sent, sessions });
    expect([status, error]).toEqual([200, null]);
  });
});

describe('enrolment', () => {
  it('gives a node a certificate that its summaries are taken under', async () => {
    const fresh = await central.enrol('node-7');
    const sent = await central.node(fresh).send(summary({ node: 'node-7' }));
    // It said nothing of rules, exceptions, peers, profiles and verdicts: it is sent none of them.
    const none = { rules: null, exceptions: null, peers: null, profiles: null, verdicts: null };
    expect(sent).toEqual({
      status: 200,
      error: null,
      reply: { schema: 1, sequence: 1, duplicate: false, paceMs: 0, orders: [], ...none },
    });
  });

  it('takes the subject from the request and never from the CSR', async () => {
    const { key, csr } = await request('CN=node-9, O=other');
    const identityOf8 = { ...(await central.enrol('node-8', { csr })), key };
    const as9 = await central.node(identityOf8).send(summary({ node: 'node-9' }));
    const as8 = await central.node(identityOf8).send(summary({ node: 'node-8' }));
    expect([as9.status, as9.error?.code, as8.status]).toEqual([403, 'PICKET_IDENTITY', 200]);
  });

  it.each([
    ['a wrong token', { token: 'x'.repeat(43) }, 401, 'PICKET_TOKEN'],
    ['no request', { csr: 'nonsense' }, 400, 'PICKET_CSR'],
    ['another cluster', { cluster: 'other' }, 403, 'PICKET_IDENTITY'],
    ['a hostile name', { node: 'a\u001b[2J' }, 400, 'PICKET_HOSTILE_NAME'],
  ])('refuses %s', async (_, change, status, code) => {
    await expect(central.enrol('node-1', change)).rejects.toMatchObject({ status, code });
  });

  it('refuses a request whose signature is not by its key', async () => {
    const { csr } = await request();
    const der = Buffer.from(csr.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    der.writeUInt8(der.readUInt8(der.length - 3) ^ 1, der.length - 3);
    const broken = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    await expect(central.enrol('node-1', { csr: broken })).rejects.toMatchObject({ code: 'PICKET_CSR' });
  });

  it('renews against the certificate, for the same node whatever is asked', async () => {
    const { key, csr } = await request();
    const answer = await central
      .node(identity)
      .post('/v1/renew', JSON.stringify({ csr, node: 'node-2', cluster: 'other' }));
    const renewed = { ...JSON.parse(answer.body.toString()), key } as Identity;
    const sent = await central.node(renewed).send(summary({ sequence: 50 }));
    expect([answer.status, sent.status]).toEqual([200, 200]);
  });
});

describe('a speaker without a certificate of ours', () => {
  it.each([
    ['no certificate', async () => null],
    ['a self-signed one', () => foreignIdentity()],
    [
      'one of another authority',
      async () => {
        const other = temporaryFolder();
        const elsewhere = await startCentral({ folder: other.path });
        const stranger = await elsewhere.enrol();
        await elsewhere.stop();
        other.remove();
        return stranger;
      },
    ],
  ])('is refused with 401: %s', async (_, make) => {
    const before = [await rows(), await refused('PICKET_CERTIFICATE')];
    const sent = await central.node(await make()).send(summary({ sequence: 900 }));
    expect([sent.status, sent.error?.code]).toEqual([401, 'PICKET_CERTIFICATE']);
    expect([await rows(), await refused('PICKET_CERTIFICATE')]).toEqual([before[0], Number(before[1]) + 1]);
  });
});

describe('a summary that is refused', () => {
  const web = container('web-1');
  const cases: readonly [string, object, number, string, string][] = [
    ['of another schema', { schema: 2 }, 400, 'PICKET_SCHEMA', 'schema: 2 is not 1'],
    [
      'of another node',
      { node: 'node-2' },
      403,
      'PICKET_IDENTITY',
      'node: "node-2" is not "node-1" of the client certificate',
    ],
    ['without a boot id', { boot: 'x' }, 400, 'PICKET_MALFORMED', 'boot: "x" does not match'],
    [
      'with control characters in a name',
      { containers: [{ ...web, name: 'a\u001b[31m\n\u009b' }] },
      400,
      'PICKET_HOSTILE_NAME',
      'containers[0].name: "a\\u001b[31m\\n\\u009b" contains control characters',
    ],
    [
      'with a path longer than 4 KiB',
      { detections: [detection(web, { facts: { path: `/${'a'.repeat(4096)}` } })] },
      400,
      'PICKET_HOSTILE_NAME',
      'is longer than 4096',
    ],
    [
      'with a name that is a path of 4 KiB',
      { containers: [{ ...web, pod: 'p'.repeat(4096) }] },
      400,
      'PICKET_HOSTILE_NAME',
      '(4096 characters) is longer than 253',
    ],
    [
      'with a score above 1',
      { alerts: [alert(web, { score: 1.5 })] },
      400,
      'PICKET_MALFORMED',
      'alerts[0].score: 1.5 is not from 0 to 1',
    ],
    [
      'with a score that is no number',
      { alerts: [alert(web, { score: Number.NaN })] },
      400,
      'PICKET_MALFORMED',
      'alerts[0].score: NaN',
    ],
    [
      'with a time of the far future',
      { alerts: [alert(web, { lastWallMs: 9e15 })] },
      400,
      'PICKET_MALFORMED',
      'alerts[0].last_wall_ms',
    ],
    [
      'with a workload of another cluster',
      { alerts: [alert(web, { workload: 'other/demo/Deployment/web/web' })] },
      403,
      'PICKET_IDENTITY',
      'is not of cluster "local"',
    ],
    [
      'with too many facts',
      {
        detections: [
          detection(web, { facts: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, ''])) }),
        ],
      },
      400,
      'PICKET_MALFORMED',
      '65 entries, more than 64',
    ],
  ];

  it.each(cases)('%s: says why, is counted, changes nothing', async (_, change, status, code, message) => {
    const before = [await rows(), await refused(code)];
    const sent = await central.node(identity).send(summary({ sequence: 901, ...change }));
    expect([sent.status, sent.error?.code]).toEqual([status, code]);
    expect(sent.error?.message).toContain(message);
    expect([await rows(), await refused(code)]).toEqual([before[0], Number(before[1]) + 1]);
  });

  it('is refused with 413 when it is too large, and the connection goes on', async () => {
    const before = await rows();
    const node = central.node(identity);
    const sent = await node.send(new Uint8Array(201 * 1024));
    expect([sent.status, sent.error?.code]).toEqual([413, 'PICKET_TOO_LARGE']);
    expect(await rows()).toEqual(before);
    expect((await node.send(summary({ sequence: next() }))).status).toBe(200);
  });

  it('is refused when it is no summary at all', async () => {
    const sent = await central.node(identity).send(Buffer.from('GET / HTTP/1.0'));
    expect([sent.status, sent.error?.code]).toEqual([400, 'PICKET_MALFORMED']);
  });
});

describe('a summary that is taken', () => {
  it('keeps quotes and other scripts as they are', async () => {
    const strange = { ...container('web-7'), pod: `o'"b\\;--<script>` };
    const title = `Ein "Server" startete 'eine' Shell — 壳 🐚`;
    const sent = await central
      .node(identity)
      .send(summary({ sequence: next(), containers: [strange], alerts: [alert(strange, { title })] }));
    expect(sent.status).toBe(200);
    const { value } = await central.call('GET', '/api/v1/alerts?limit=1');
    const { value: list } = await central.call('GET', '/api/v1/containers');
    expect(value['alerts']).toMatchObject([{ title }]);
    expect(list['containers']).toMatchObject([{ pod: strange.pod, live: true }]);
  });

  it('has its containers found by pod, name and begin of the id, however many there are', async () => {
    const many = ['found-1', 'found-2', 'found-3'].map((pod) => container(pod));
    await central.node(identity).send(summary({ sequence: next(), containers: many }));
    const found = async (called: string): Promise<string[]> => {
      const { value } = await central.call(
        'GET',
        `/api/v1/containers?limit=1&called=${encodeURIComponent(called)}`,
      );
      return (value['containers'] as { pod: string }[]).map(({ pod }) => pod);
    };
    expect(await found('found-3')).toEqual(['found-3']);
    for (const { id, pod } of many) expect(await found(id.slice(0, 40))).toEqual([pod]);
    expect(await found('found')).toEqual([expect.stringMatching(/^found-\d$/)]);
    expect(await found('found-')).toEqual([]);
    expect(await found("found-1' or '1' = '1")).toEqual([]);
  });

  it('is stored once when it comes many times at once', async () => {
    const web = container('twice-1');
    const body = encodeSummary(attack([web], { sequence: next() }));
    const before = await central.metric('picket_central_summaries_total{result="stored"}');
    const nodes = Array.from({ length: 4 }, () => central.node(identity));
    const sent = await Promise.all(nodes.flatMap((node) => [node.send(body), node.send(body)]));
    expect(sent.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(sent.filter(({ reply }) => reply?.duplicate === false)).toHaveLength(1);
    expect(await central.metric('picket_central_summaries_total{result="stored"}')).toBe(before + 1);
  });

  it('cannot overwrite the alert of another node', async () => {
    const web = container('mine-1');
    await central.node(identity).send(attack([web], { sequence: next() }));
    const other = central.node(await central.enrol('node-3'));
    const forged = alert(web, { title: 'nothing to see', revision: 9 });
    const sent = await other.send(summary({ node: 'node-3', containers: [web], alerts: [forged] }));
    const { value } = await central.call('GET', '/api/v1/alerts');
    const titles = (value['alerts'] as { id: string; title: string }[]).filter(({ id }) => id === forged.id);
    expect([sent.status, titles]).toEqual([
      200,
      [expect.objectContaining({ title: 'A server started a shell.' })],
    ]);
    expect(await central.metric('picket_central_report_entries_total{kind="foreign"}')).toBe(1);
  });
});

it('refuses to start when others can read a key', async () => {
  const other = temporaryFolder();
  mkdirSync(join(other.path, 'central'), { mode: 0o700 });
  const path = join(other.path, 'central', 'order.key');
  writeFileSync(path, 'key', { mode: 0o644 });
  await expect(startCentral({ folder: other.path })).rejects.toMatchObject({
    code: 'PICKET_KEY_FILE',
    message: expect.stringContaining(`${path}: mode 644`),
  });
  other.remove();
});

it('speaks TLS 1.3 only', async () => {
  const { connect } = await import('node:tls');
  const { port } = new URL(central.ready.agents);
  const told = await new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.on('secureConnect', () => resolve(socket.getProtocol()));
  });
  expect(told).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});

it('answers people only with a token, and says what it counts', async () => {
  const wrong = await central.call(
    'GET',
    '/api/v1/status',
    undefined,
    createHash('sha256').update('x').digest('hex'),
  );
  const health = await fetch(`${central.ready.metrics}/healthz`);
  const ready = await fetch(`${central.ready.metrics}/readyz`);
  expect([wrong.status, wrong.value, health.status, ready.status]).toEqual([
    401,
    { error: { code: 'PICKET_TOKEN', message: 'authorization: no token that is known here' } },
    200,
    200,
  ]);
});

it('takes a summary over HTTP/1.1 too', async () => {
  const { request: https } = await import('node:https');
  const { readFileSync } = await import('node:fs');
  const status = await new Promise((resolve, reject) => {
    const call = https(
      `${central.ready.agents}/v1/summaries`,
      {
        method: 'POST',
        ca: readFileSync(central.ready.files.ca),
        key: identity.key,
        cert: identity.certificate,
        agent: false,
      },
      (response) => resolve(response.statusCode),
    );
    call.on('error', reject);
    call.end(encodeSummary(summary({ sequence: next() })));
  });
  expect(status).toBe(200);
});

it('makes a new server certificate when its names change, under the same authority', async () => {
  const { X509Certificate } = await import('node:crypto');
  const { readFileSync } = await import('node:fs');
  const other = temporaryFolder();
  const read = (name: string) => new X509Certificate(readFileSync(join(other.path, 'central', name)));
  const startWith = async (names: string): Promise<readonly [string, string | undefined, string]> => {
    const started = await startCentral({ folder: other.path, flags: { 'central-names': names } });
    await started.stop();
    return [
      read('server.crt').serialNumber,
      read('server.crt').subjectAltName,
      read('ca.crt').fingerprint256,
    ];
  };
  const [first, same, changed] = [
    await startWith('localhost,127.0.0.1'),
    await startWith('localhost,127.0.0.1'),
    await startWith('picket.example'),
  ];
  other.remove();
  expect(same).toEqual(first);
  expect(changed).toEqual([expect.not.stringMatching(first[0]), 'DNS:picket.example', first[2]]);
});
