/** The agent's place in the cluster: enrolled once, renewed in time, tried again for as long as it takes. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '../../kit/retry.ts';
import { bump } from './codes.ts';
import { dueForRenewal, type EnrolAnswer, enrol } from './enrol.ts';
import { type Enrolled, readEnrolled, writeEnrolled } from './files.ts';

export interface MembershipParts {
  readonly url: string;
  readonly cluster: string;
  readonly node: string;
  /** The agent's state folder. */
  readonly folder: string;
  readonly caFile: string;
  /** Without this and the next an agent without a certificate stays alone. */
  readonly joinTokenFile: string;
  /** Of a service-account token, which kubelet replaces; goes before the join token. */
  readonly accountTokenFile?: string;
  readonly wallMs: () => number;
  /** Called with what is found at the start, and again after each renewal. */
  readonly onEnrolled: (enrolled: Enrolled) => Promise<void>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  readonly onError: (error: unknown) => void;
}

const BASE_MS = 1000;
const LIMIT_MS = 60_000;
/** How soon a certificate that is due, or an authority that was replaced, is seen; it costs one small file. */
const CHECK_MS = 60_000;

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function authoritiesOf(text: string): X509Certificate[] {
  return (text.match(PEM) ?? []).flatMap((pem) => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      // Half written: the next look finds it whole.
      return [];
    }
  });
}

export class Membership {
  private readonly parts: MembershipParts;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** Failed enrolments and renewals since the agent started, by code. */
  readonly failures = new Map<string, number>();

  constructor(parts: MembershipParts) {
    this.parts = parts;
  }

  start(): void {
    this.running = this.run().catch(this.parts.onError);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { folder, joinTokenFile, accountTokenFile = '', log, onEnrolled } = this.parts;
    let enrolled = await readEnrolled(folder);
    if (enrolled !== null && (await this.isReplaced(enrolled))) enrolled = null;
    if (enrolled === null && joinTokenFile === '' && accountTokenFile === '') {
      log(
        'not enrolled, no enrol-token-file and no join-token-file: what central should know stays in the spool',
        {},
      );
      return;
    }
    enrolled ??= await this.insist(null);
    while (enrolled !== null && !this.stopping.signal.aborted) {
      await onEnrolled(enrolled);
      enrolled = await this.insist((await this.untilDue(enrolled)) === 'replaced' ? null : enrolled);
    }
  }

  private async untilDue(enrolled: Enrolled): Promise<'due' | 'replaced'> {
    const { signal } = this.stopping;
    while (!signal.aborted && !dueForRenewal(enrolled.certificate, this.parts.wallMs())) {
      if (await this.isReplaced(enrolled)) return 'replaced';
      await sleep(CHECK_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
    return 'due';
  }

  /**
   * Whether the authority of the ca-file is another than the one that signed the certificate, as after central was
   * installed anew. A file that is missing or none says nothing, and without a token to enrol with there is no way but to go on.
   */
  private async isReplaced(enrolled: Enrolled): Promise<boolean> {
    const { caFile, joinTokenFile, accountTokenFile = '', log } = this.parts;
    if (joinTokenFile === '' && accountTokenFile === '') return false;
    const authorities = authoritiesOf(await readFile(caFile, 'utf8').catch(() => ''));
    const own = new X509Certificate(enrolled.certificate);
    if (authorities.length === 0 || authorities.some((one) => own.verify(one.publicKey))) return false;
    log('the authority in ca-file is another than that of the certificate: enrolling again', { caFile });
    return true;
  }

  /** Tries until it has a certificate; null when stopped before. */
  private async insist(before: Enrolled | null): Promise<Enrolled | null> {
    const tries = backoff({ baseMs: BASE_MS, limitMs: LIMIT_MS });
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const answer = await this.ask(before);
      if (answer.ok) {
        await writeEnrolled(this.parts.folder, answer.enrolled);
        this.parts.log(before === null ? 'enrolled' : 'certificate renewed', {});
        return answer.enrolled;
      }
      if (signal.aborted) return null;
      const { code, message } = answer;
      bump(this.failures, code);
      this.parts.log('no certificate from central yet', { code, reason: message });
      await sleep(tries.next(), undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  private async ask(credentials: Enrolled | null): Promise<EnrolAnswer> {
    const { url, cluster, node, caFile, joinTokenFile, accountTokenFile = '' } = this.parts;
    try {
      const ca = credentials?.ca ?? (await readFile(caFile, 'utf8'));
      const byAccount = accountTokenFile !== '';
      const file = byAccount ? accountTokenFile : joinTokenFile;
      const token = credentials === null ? (await readFile(file, 'utf8')).trim() : '';
      return await enrol({ url, cluster, node, ca, token, byAccount, credentials }, this.stopping.signal);
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: unknown };
      return { ok: false, code: String(code ?? 'FAILED'), message: String(message) };
    }
  }
}
