/** What one request shows of its identity: the facts that are learnt of it. */
import { isIP } from 'node:net';
import type { Actor } from './actor.ts';
import { isWrite } from './capability.ts';
import { type AuditEvent, isRead } from './event.ts';
import type { Habit } from './habits.ts';
import { deedOf, generalName } from './names.ts';
import { tame, textOf } from './plain.ts';
import { podSpecOf } from './pod-spec.ts';
import { isPublic } from './reach.ts';

const VALUE = 256;

/** The network of an address: what a provider or an office has many of. */
export function networkOf(address: string): string {
  const version = isIP(address);
  if (version === 4) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  if (version === 0) return '';
  const [head = ''] = address.split('::');
  return `${head.split(':').slice(0, 3).join(':')}::/48`;
}

/** Who connected: addresses before the last one come from a header that the caller writes (X-Forwarded-For). */
export const peerOf = ({ sources }: AuditEvent): string => sources.at(-1) ?? '';

/** The program and its system, without its version: `kubectl/v1.35.4 (linux/amd64) kubernetes/abc` is `kubectl linux/amd64`. */
function programOf(userAgent: string): string {
  const name = /^[^\s/]+/.exec(userAgent)?.[0] ?? '';
  const system = /\(([a-z]+\/[a-z0-9]+)\)/i.exec(userAgent)?.[1] ?? '';
  return tame(`${name} ${system}`.trim(), VALUE);
}

/** Registry and repository, without tag and digest. */
export const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

function imagesOf(event: AuditEvent): string[] {
  if (!isWrite(event)) return [];
  const pod = podSpecOf(event.resource, event.object);
  return [...new Set((pod?.containers ?? []).map((container) => textOf(container['image'])))].filter(
    (image) => image !== '',
  );
}

/** Most images of one pod that are looked at. */
const IMAGES = 16;

export function observationsOf(event: AuditEvent, actor: Actor, ms: number): Habit[] {
  const { who, kind } = actor;
  const of = (fact: Habit['kind'], value: string): Habit => ({ kind: fact, who, value });
  const found = [of('deed', deedOf(event))];
  if (event.namespace !== '')
    found.push(
      of('place', `${isRead(event) ? 'read' : 'change'} ${generalName(tame(event.namespace, VALUE))}`),
    );
  const program = programOf(event.userAgent);
  if (program !== '') found.push(of('agent', program));
  const network = networkOf(peerOf(event));
  if (network !== '' && kind !== 'node') found.push(of('network', network));
  // Of the many networks of a cloud a new one says less than the first that is not one's own at all.
  if (kind !== 'node' && isPublic(peerOf(event))) found.push(of('network', 'the internet'));
  // Of people: service accounts work at all hours.
  if (kind === 'person' && Number.isFinite(ms)) found.push(of('hour', String(new Date(ms).getUTCHours())));
  for (const image of imagesOf(event).slice(0, IMAGES))
    found.push({
      kind: 'image',
      who: `namespace ${generalName(event.namespace)}`,
      value: tame(repositoryOf(image), VALUE),
    });
  return found;
}
