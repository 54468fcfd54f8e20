/** What a request to an API server is about, by its path; and what a refused one is answered. */

export interface Fault {
  readonly status: number;
  readonly reason: string;
  readonly retryAfter?: number;
}
export interface Target {
  readonly collection: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly plural: string;
}
export class Refusal extends Error {
  readonly fault: Fault;
  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message);
    this.fault = { status, reason, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
}

/** `/apis/apps/v1/namespaces/shop/deployments/web/scale` in its parts. */
export function targetOf(path: string): Target {
  const match =
    /^(\/api\/v1|\/apis\/[a-z0-9.-]+\/v[a-z0-9]+)(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/.exec(
      path,
    );
  // A namespace itself looks like a scope: /api/v1/namespaces/NAME.
  const single = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/.exec(path);
  if (single !== null)
    return {
      collection: '/api/v1/namespaces',
      namespace: null,
      name: single[1] ?? null,
      subresource: null,
      plural: 'namespaces',
    };
  if (match === null) throw new Refusal(404, 'NotFound', `the server could not find ${path}`);
  const [, root = '', namespace, plural = '', name, subresource] = match;
  return {
    collection: `${root}/${plural}`,
    namespace: namespace === undefined ? null : decodeURIComponent(namespace),
    name: name === undefined ? null : decodeURIComponent(name),
    subresource: subresource ?? null,
    plural,
  };
}

export const keyOf = (collection: string, namespace: string | null | undefined, name: string): string =>
  `${collection}|${namespace ?? ''}|${name}`;
