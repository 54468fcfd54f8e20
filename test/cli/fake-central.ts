/** Central's API and the agent's socket as the command line meets them: answers given, requests kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAuthority } from '../../central/pki/authority.ts';
import { systemClock } from '../../kit/clock.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** `METHOD /path` → status and JSON. */
export type Answers = Readonly<Record<string, readonly [number, unknown]>>;

export interface Fake {
  readonly asked: Asked[];
  /** Flags that lead the command line here. */
  readonly flags: readonly string[];
  stop(): Promise<void>;
}

function answering(answers: Answers, asked: Asked[]): RequestListener {
  return async (request, reply) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method = '', url = '', headers } = request;
    asked.push({
      method,
      path: url,
      authorization: headers.authorization,
      body: text === '' ? null : JSON.parse(text),
    });
    const [status, value] = answers[`${method} ${url}`] ?? [
      404,
      { error: { code: 'PICKET_NOT_FOUND', message: `no ${url}` } },
    ];
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** TLS with an authority of its own, and the token file `anna:sesame`. */
export async function startFakeCentral(stateFolder: string, answers: Answers): Promise<Fake> {
  const folder = join(stateFolder, 'central');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = await createAuthority({ folder, clock: systemClock() });
  const { key, certificate } = await authority.server(['localhost', '127.0.0.1']);
  writeFileSync(join(folder, 'api-token'), 'anna:sesame\n', { mode: 0o600 });
  const asked: Asked[] = [];
  const server = createTls({ key, cert: certificate, minVersion: 'TLSv1.3' }, answering(answers, asked));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    flags: ['--state-folder', stateFolder, '--api-listen', `127.0.0.1:${port}`],
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export async function startFakeAgent(stateFolder: string, answers: Answers): Promise<Fake> {
  mkdirSync(join(stateFolder, 'agent'), { recursive: true, mode: 0o700 });
  const asked: Asked[] = [];
  const server = createPlain(answering(answers, asked));
  await new Promise<void>((resolve) => server.listen(join(stateFolder, 'agent', 'agent.sock'), resolve));
  return {
    asked,
    flags: ['--state-folder', stateFolder],
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
