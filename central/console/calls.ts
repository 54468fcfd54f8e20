/** What a route is given and gives, and what it tells of a request that is not done. */
import type { Declined } from '../respond/execute.ts';

const REASON = 1000;

export type ApiCode =
  | 'PICKET_BAD_REQUEST'
  | 'PICKET_TOKEN'
  | 'PICKET_FORBIDDEN'
  | 'PICKET_NOT_FOUND'
  | 'PICKET_CONFLICT'
  | 'PICKET_TOO_LARGE'
  | 'PICKET_INTERNAL';
export const STATUS: Readonly<Record<ApiCode, number>> = {
  PICKET_BAD_REQUEST: 400,
  PICKET_TOKEN: 401,
  PICKET_FORBIDDEN: 403,
  PICKET_NOT_FOUND: 404,
  PICKET_CONFLICT: 409,
  PICKET_TOO_LARGE: 413,
  PICKET_INTERNAL: 500,
};
/** What a person is told of a request that is not done. */
export class ApiError extends Error {
  readonly code: ApiCode;
  constructor(code: ApiCode, message: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
  }
}

export interface Call {
  readonly actor: string;
  readonly query: URLSearchParams;
  /** What stands for `:id` in the route. */
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
}
export interface Answer {
  readonly status: number;
  readonly value: unknown;
}
export type Handler = (call: Call) => Promise<Answer>;

export function textOf(body: Call['body'], name: string): string {
  const value = body[name];
  if (value === undefined) return '';
  if (typeof value !== 'string') throw new ApiError('PICKET_BAD_REQUEST', `${name}: not a text`);
  return value;
}
export function reasonOf(body: Call['body']): string {
  const reason = textOf(body, 'reason').trim();
  if (reason === '' || reason.length > REASON)
    throw new ApiError('PICKET_BAD_REQUEST', `reason: a text of 1 to ${REASON} characters is wanted`);
  return reason;
}

/** @throws ApiError for what was declined. */
export function done<T extends object>(result: T | Declined): T {
  if (!('declined' in result)) return result;
  const codes = {
    'not-found': 'PICKET_NOT_FOUND',
    conflict: 'PICKET_CONFLICT',
    forbidden: 'PICKET_FORBIDDEN',
  } as const;
  throw new ApiError(codes[result.declined], result.message);
}
