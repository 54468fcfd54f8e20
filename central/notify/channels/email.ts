/** Mail over SMTP with TLS: text and HTML of the same words. */
import type { Transporter } from 'nodemailer';
import { failureFrom } from '../http.ts';
import type { Channel, Failure, Notification } from '../notifier.ts';
import { asText, commands, details, happened, headline, plain, plainLines, utc } from '../words.ts';

export const SECURITIES = ['starttls', 'tls', 'none'] as const;

export interface EmailParts {
  readonly host: string;
  readonly port: number;
  /** tls: from the first byte. starttls: refused when the server does not offer it. none: no secret is sent. */
  readonly security: (typeof SECURITIES)[number];
  readonly user: string;
  /** Read anew for each message; null: the server wants none. */
  readonly password: (() => string) | null;
  readonly from: string;
  readonly to: readonly string[];
  readonly ca?: string;
}

const TIMEOUT_MS = 20_000;
const COLOURS: Readonly<Record<string, string>> = {
  info: '#57606a',
  low: '#0969da',
  medium: '#9a6700',
  high: '#bc4c00',
  critical: '#cf222e',
};
const SANS = "font-family:-apple-system,'Segoe UI',Helvetica,Arial,sans-serif";
const MONO = 'font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;line-height:1.5';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
const block = (text: string): string =>
  `<pre style="${MONO};background:#f6f8fa;border:1px solid #d0d7de;border-radius:6px;padding:12px;margin:0 0 16px;white-space:pre-wrap;word-break:break-word">${escaped(text)}</pre>`;
const heading = (text: string): string =>
  `<p style="margin:16px 0 6px;font-size:13px;font-weight:600;color:#57606a">${escaped(text)}</p>`;

function card(one: Notification): string {
  const colour = COLOURS[one.severity] ?? '#57606a';
  const rows = details(one)
    .map(
      ([name, value]) =>
        `<tr><td style="padding:3px 16px 3px 0;color:#57606a;vertical-align:top;white-space:nowrap">${escaped(name)}</td><td style="padding:3px 0;word-break:break-word">${escaped(value)}</td></tr>`,
    )
    .join('');
  const story = one.timeline.map(({ atMs, text }) => `${utc(atMs)}  ${plain(text, 300)}`).join('\n');
  const typed = commands(one).join('\n');
  return [
    `<div style="border:1px solid #d0d7de;border-top:4px solid ${colour};border-radius:6px;padding:16px 20px;margin:0 0 16px;background:#ffffff">`,
    `<p style="margin:0 0 4px;font-size:13px;font-weight:600;color:${colour};text-transform:uppercase">${escaped(happened(one.event))}${one.severity === '' ? '' : ` &#183; ${escaped(one.severity)}`}</p>`,
    `<h1 style="margin:0 0 12px;font-size:18px;line-height:1.35;font-weight:600">${escaped(plain(one.title, 500))}</h1>`,
    `<table style="border-collapse:collapse;font-size:14px;margin:0 0 8px">${rows}</table>`,
    story === '' ? '' : heading('What happened') + block(story),
    one.text === ''
      ? ''
      : heading(one.event === 'approval-wanted' ? 'The plan' : 'In full') + block(plainLines(one.text, 4000)),
    typed === '' ? '' : heading('To go on from here') + block(typed),
    '</div>',
  ].join('');
}

/** A page without anything that is loaded from elsewhere. */
export function emailHtml(batch: readonly Notification[]): string {
  const cards = batch.toReversed().map(card).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>picket</title></head><body style="margin:0;padding:24px;background:#eef1f4;color:#1f2328;${SANS}"><div style="max-width:680px;margin:0 auto">${cards}<p style="font-size:12px;color:#57606a;margin:0">Sent by picket. What it knows in full: picket incidents.</p></div></body></html>`;
}

/** 5xx is the server's last word about this message; all else may pass. */
function failureOf(error: unknown): Failure {
  const { responseCode } = error as { responseCode?: unknown };
  const final = typeof responseCode === 'number' && responseCode >= 500;
  return { ...failureFrom(error), again: !final };
}

export function email(parts: EmailParts): Channel {
  let open: Transporter | null = null;
  /** One connection per message; nodemailer is loaded for the first one. */
  const transport = async (): Promise<Transporter> => {
    const { createTransport } = await import('nodemailer');
    const { host, port, security, user, password, ca } = parts;
    const auth = password === null ? {} : { auth: { user, pass: password() } };
    return createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      // Nothing that stands in a message may name a file or an address to be read.
      disableFileAccess: true,
      disableUrlAccess: true,
      ...auth,
    });
  };
  const idOf = (name: string, { cluster }: Notification): string =>
    `<${name.replace(/[^A-Za-z0-9-]/g, '-')}@${cluster.replace(/[^A-Za-z0-9.-]/g, '-')}.picket>`;
  return {
    async deliver(batch) {
      const last = batch.at(-1);
      if (last === undefined) return null;
      try {
        open = await transport();
        const thread = last.incident === '' ? {} : { references: idOf(last.incident, last) };
        await open.sendMail({
          from: parts.from,
          to: [...parts.to],
          subject: headline(last, 150),
          text: batch.toReversed().map(asText).join('\n'),
          html: emailHtml(batch),
          messageId: idOf(last.id, last),
          ...thread,
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Picket-Event': last.event },
        });
        return null;
      } catch (error) {
        return failureOf(error);
      } finally {
        open?.close();
      }
    },
    close: async () => open?.close(),
  };
}
