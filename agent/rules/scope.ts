/** Where a rule or an exception holds: patterns over what a container is called, with `*` for any part. */
import type { Container } from '../identity/container.ts';
import type { Scope } from './document.ts';

type Test = (container: Container) => boolean;

function pattern(text: string): (value: string) => boolean {
  if (!text.includes('*')) return (value) => value === text;
  const parts = text.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  // One `.*` for each star and nothing repeated twice: linear in practice, over names of at most 512 characters.
  const regex = new RegExp(`^${parts.join('.*')}$`, 's');
  return (value) => regex.test(value.slice(0, 512));
}

function anyOf(
  patterns: readonly string[] | null,
  values: (container: Container) => readonly string[],
): Test | null {
  if (patterns === null) return null;
  const tests = patterns.map(pattern);
  return (container) => values(container).some((value) => tests.some((test) => test(value)));
}

/** `namespace/Kind/name`, `Kind/name` and `name` of cluster/namespace/Kind/name/container, beside the whole key. */
function workloadNames(workload: string): string[] {
  const [, namespace = '', kind = '', name = ''] = workload.split('/');
  return [workload, `${namespace}/${kind}/${name}`, `${kind}/${name}`, name];
}

/** A test of a container; null where the scope is everywhere. */
export function scopeTest(scope: Scope | null): Test | null {
  if (scope === null) return null;
  const tests = [
    anyOf(scope.kinds, ({ kind }) => [kind]),
    anyOf(scope.namespaces, ({ identity }) => [identity.namespace]),
    anyOf(scope.workloads, ({ identity }) => workloadNames(identity.workload)),
    anyOf(scope.images, ({ identity }) => [identity.image, identity.imageDigest]),
    anyOf(scope.containers, ({ identity }) => [identity.name]),
    anyOf(scope.labels, ({ identity }) =>
      Object.entries(identity.labels ?? {}).map((label) => label.join('=')),
    ),
  ].filter((test) => test !== null);
  return (container) => tests.every((test) => test(container));
}
