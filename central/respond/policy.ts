/** What is allowed where: documents that say observe, ask or enforce, and exceptions. File form of the later custom resources. */
import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { matchesGlob } from '../../kit/glob.ts';
import { allowedProblems } from '../../wire/index.ts';
import type { ExceptionRule } from '../correlate/exception.ts';
import { SEVERITIES, type Severity } from '../ingest/report.ts';
import { actionsIn } from './actions.ts';
import { CLUSTER_ACTION_NAMES } from './cluster/index.ts';
import { at, type Field, list, type Mapping, mapping, Reader } from './document.ts';

export { allowedProblems };
export const API_VERSION = 'picket.dev/v1alpha1';
export const MODES = ['observe', 'ask', 'enforce'] as const;
export type Mode = (typeof MODES)[number];

export interface Action {
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  /** Refuse what is executed: who asked for it goes on. By BPF LSM, which a kernel may not have. */
  readonly execDeny: boolean;
  /** false: connections that the node itself opens (its probes) are let through. */
  readonly cutProbes: boolean;
  /** Of networkDeny: what is let through all the same, as wire/allow.ts says. */
  readonly allow: readonly string[];
  /** No process of it runs until the end of the lease. */
  readonly freeze: boolean;
  /** Every process that is in it, once. Nothing takes that back: only a policy that says so does it by itself. */
  readonly kill: boolean;
  /** What central does in the cluster itself, by the names of cluster/index.ts. */
  readonly cluster: readonly string[];
  readonly leaseMs: number;
}
export interface Limits {
  /** Containers that this policy may hold contained at one time. */
  readonly maxContainers: number;
  /** Of a workload's live containers, at one time, by any policy or person. */
  readonly maxPercentOfWorkload: number;
  readonly perHour: number;
}
export interface Policy {
  readonly name: string;
  /** SHA-256 of the document, the first 12 hex digits. */
  readonly version: string;
  readonly match: {
    /** Empty: all. */
    readonly namespaces: readonly string[];
    readonly workloads: readonly string[];
    readonly minSeverity: Severity;
  };
  readonly mode: Mode;
  readonly action: Action;
  readonly limits: Limits;
  readonly protectedNamespaces: readonly string[];
}
/** A document as it is stored: canonical JSON under a version. */
export interface PolicyDocument {
  readonly kind: 'PicketPolicy' | 'PicketException';
  readonly name: string;
  readonly version: string;
  readonly body: string;
  readonly source: string;
}
/** What is in force, in order. */
export interface PolicySet {
  readonly policies: readonly Policy[];
  readonly exceptions: readonly ExceptionRule[];
  readonly documents: readonly PolicyDocument[];
}

/** All violations at once; each names file, document, path and value. */
export class PolicyError extends Error {
  readonly code = 'PICKET_POLICY';
  readonly violations: readonly string[];
  constructor(violations: readonly string[]) {
    super(`policies: ${violations.length} problem(s)\n${violations.map((one) => `  ${one}`).join('\n')}`);
    this.name = 'PolicyError';
    this.violations = violations;
  }
}

export const DEFAULT_ACTION: Action = {
  networkDeny: true,
  killOnExec: true,
  execDeny: false,
  cutProbes: false,
  allow: [],
  freeze: false,
  kill: false,
  cluster: [],
  leaseMs: 600_000,
};
const DEFAULT_LIMITS: Limits = { maxContainers: 1, maxPercentOfWorkload: 50, perHour: 10 };
const DEFAULT_PROTECTED = ['kube-system'];
export const NOTHING_TO_ALLOW = 'lets nothing through that is cut: networkDeny is false';
const LEASE = { minMs: 1000, maxMs: 7 * 86_400_000 };

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Names of cluster actions, each once. */
function names(reader: Reader, field: Field): readonly string[] {
  const found = list(reader, field, []);
  for (const name of found)
    if (!CLUSTER_ACTION_NAMES.includes(name))
      reader.violation(field, `${JSON.stringify(name)} is not one of ${CLUSTER_ACTION_NAMES.join(', ')}`);
  return [...new Set(found)];
}

/** Rules of an allow-list, each once. */
function allowed(reader: Reader, field: Field): readonly string[] {
  const rules = [...new Set(list(reader, field, DEFAULT_ACTION.allow))];
  for (const problem of allowedProblems(rules)) reader.violation(field, problem);
  return rules;
}

function readPolicy(reader: Reader, spec: Mapping, head: { name: string; version: string }): Policy {
  const match = mapping(reader, at(spec, 'match'), ['namespaces', 'workloads', 'minSeverity']);
  const action = mapping(reader, at(spec, 'action'), [
    'networkDeny',
    'killOnExec',
    'execDeny',
    'cutProbes',
    'allow',
    'freeze',
    'kill',
    'cluster',
    'lease',
  ]);
  const limits = mapping(reader, at(spec, 'limits'), ['maxContainers', 'maxPercentOfWorkload', 'perHour']);
  const policy: Policy = {
    ...head,
    match: {
      namespaces: list(reader, at(match, 'namespaces'), []),
      workloads: list(reader, at(match, 'workloads'), []),
      minSeverity: reader.choice(at(match, 'minSeverity'), SEVERITIES, 'high'),
    },
    mode: reader.choice(at(spec, 'mode'), MODES, null),
    action: {
      networkDeny: reader.boolean(at(action, 'networkDeny'), DEFAULT_ACTION.networkDeny),
      killOnExec: reader.boolean(at(action, 'killOnExec'), DEFAULT_ACTION.killOnExec),
      execDeny: reader.boolean(at(action, 'execDeny'), DEFAULT_ACTION.execDeny),
      cutProbes: reader.boolean(at(action, 'cutProbes'), DEFAULT_ACTION.cutProbes),
      allow: allowed(reader, at(action, 'allow')),
      freeze: reader.boolean(at(action, 'freeze'), DEFAULT_ACTION.freeze),
      kill: reader.boolean(at(action, 'kill'), DEFAULT_ACTION.kill),
      cluster: names(reader, at(action, 'cluster')),
      leaseMs: reader.duration(at(action, 'lease'), LEASE, DEFAULT_ACTION.leaseMs),
    },
    limits: {
      maxContainers: reader.integer(at(limits, 'maxContainers'), [0, 10_000], DEFAULT_LIMITS.maxContainers),
      maxPercentOfWorkload: reader.integer(
        at(limits, 'maxPercentOfWorkload'),
        [0, 100],
        DEFAULT_LIMITS.maxPercentOfWorkload,
      ),
      perHour: reader.integer(at(limits, 'perHour'), [0, 10_000], DEFAULT_LIMITS.perHour),
    },
    protectedNamespaces: list(reader, at(spec, 'protectedNamespaces'), DEFAULT_PROTECTED),
  };
  if (policy.mode !== 'observe' && actionsIn(policy.action).length === 0)
    reader.violation(
      at(spec, 'action'),
      'nothing to do: networkDeny, killOnExec, execDeny, freeze and kill are all false and cluster is empty',
    );
  if (!policy.action.networkDeny && policy.action.allow.length > 0)
    reader.violation(at(action, 'allow'), NOTHING_TO_ALLOW);
  return policy;
}

function readException(reader: Reader, spec: Mapping, name: string): ExceptionRule {
  const match = mapping(reader, at(spec, 'match'), ['workload', 'detector', 'facts']);
  const facts = mapping(reader, at(match, 'facts'), null);
  return {
    name,
    workload: reader.text(at(match, 'workload'), null),
    detector: at(match, 'detector').value === undefined ? null : reader.text(at(match, 'detector'), null),
    facts: Object.fromEntries(
      Object.keys(facts.value).map((key) => [key, reader.text(at(facts, key), null)]),
    ),
    reason: reader.text(at(spec, 'reason'), null),
    expiresMs: reader.time(at(spec, 'expires')),
  };
}

interface File {
  readonly path: string;
  readonly text: string;
}

/** Reads all documents of all files, in order. @throws PolicyError with every violation. */
export function parsePolicies(files: readonly File[]): PolicySet {
  const violations: string[] = [];
  const policies: Policy[] = [];
  const exceptions: ExceptionRule[] = [];
  const documents: PolicyDocument[] = [];
  const names = new Map<string, string>();
  const take = (where: string, value: unknown, source: string): void => {
    const reader = new Reader(where, violations);
    const root = mapping(reader, { path: '', value }, ['apiVersion', 'kind', 'metadata', 'spec']);
    reader.choice(at(root, 'apiVersion'), [API_VERSION], null);
    const kind = reader.choice(at(root, 'kind'), ['PicketPolicy', 'PicketException'] as const, null);
    const name = reader.name(at(mapping(reader, at(root, 'metadata'), ['name']), 'name'));
    const known = names.get(`${kind} ${name}`);
    if (known !== undefined) reader.violation(at(root, 'metadata'), `${kind} ${name} is already in ${known}`);
    names.set(`${kind} ${name}`, where);
    const body = canonical(value);
    const version = createHash('sha256').update(body).digest('hex').slice(0, 12);
    if (kind === 'PicketPolicy') {
      const spec = mapping(reader, at(root, 'spec'), [
        'match',
        'mode',
        'action',
        'limits',
        'protectedNamespaces',
      ]);
      policies.push(readPolicy(reader, spec, { name, version }));
    } else
      exceptions.push(
        readException(reader, mapping(reader, at(root, 'spec'), ['match', 'reason', 'expires']), name),
      );
    documents.push({ kind, name, version, body, source });
  };
  for (const file of files)
    for (const [index, document] of parseAllDocuments(file.text).entries()) {
      const where = `${file.path}: document ${index + 1}`;
      for (const error of document.errors) violations.push(`${where}: ${error.message.split('\n')[0]}`);
      const value: unknown = document.errors.length > 0 ? null : document.toJS();
      if (value !== null && value !== undefined) take(where, value, file.path);
    }
  if (violations.length > 0) throw new PolicyError(violations);
  return { policies, exceptions, documents };
}

/** The first policy whose match fits; null: observe. */
export function policyFor(
  policies: readonly Policy[],
  subject: { namespace: string; workload: string; severity: Severity },
): Policy | null {
  const fits = ({ match }: Policy): boolean =>
    (match.namespaces.length === 0 ||
      match.namespaces.some((pattern) => matchesGlob(pattern, subject.namespace))) &&
    (match.workloads.length === 0 ||
      match.workloads.some((pattern) => matchesGlob(pattern, subject.workload))) &&
    SEVERITIES.indexOf(subject.severity) >= SEVERITIES.indexOf(match.minSeverity);
  return policies.find(fits) ?? null;
}
