/**
 * A validating admission webhook that allows everything: where a provider lets nobody set an audit webhook, it still tells
 * who enters a pod, and with what. It has no source address, and it comes before anything is known of the outcome.
 */
import { listOf, objectOf, textOf } from './plain.ts';

export interface Review {
  /** For the API server: allowed, whatever it is. */
  readonly answer: object;
  /** As a row of an audit log; null: nothing of a pod is entered. */
  readonly row: object | null;
}

const VERB: Readonly<Record<string, string>> = { CONNECT: 'create', UPDATE: 'update', CREATE: 'create' };

/** @returns null for what is no AdmissionReview of admission.k8s.io/v1. */
export function readReview(value: unknown, nowMs: number): Review | null {
  const body = objectOf(value);
  const request = objectOf(body['request']);
  const uid = textOf(request['uid']);
  if (body['kind'] !== 'AdmissionReview' || uid === '') return null;
  const answer = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true },
  };
  const resource = objectOf(request['resource']);
  const user = objectOf(request['userInfo']);
  const subresource = textOf(request['subResource']);
  if (resource['resource'] !== 'pods' || subresource === '' || request['dryRun'] === true)
    return { answer, row: null };
  const row = {
    kind: 'Event',
    provider: 'admission',
    auditID: `admission ${uid}`,
    stage: 'ResponseStarted',
    requestReceivedTimestamp: new Date(nowMs).toISOString(),
    verb: VERB[textOf(request['operation'])] ?? 'create',
    user: { username: textOf(user['username']), groups: listOf(user['groups']) },
    objectRef: {
      resource: 'pods',
      subresource,
      namespace: textOf(request['namespace']),
      name: textOf(request['name']),
    },
    requestObject: request['object'] ?? null,
  };
  return { answer, row };
}
