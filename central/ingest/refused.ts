/** A refusal that the speaker is told: status, stable code, and a message that names the field and the value. */

export type RefusalCode =
  | 'PICKET_SCHEMA'
  | 'PICKET_MALFORMED'
  | 'PICKET_HOSTILE_NAME'
  | 'PICKET_IDENTITY'
  | 'PICKET_CERTIFICATE'
  | 'PICKET_TOKEN'
  | 'PICKET_CSR'
  | 'PICKET_TOO_LARGE'
  | 'PICKET_BUSY'
  | 'PICKET_KUBERNETES'
  | 'PICKET_STORE_FULL'
  | 'PICKET_NOT_FOUND'
  | 'PICKET_INTERNAL';

const STATUS: Readonly<Record<RefusalCode, number>> = {
  PICKET_SCHEMA: 400,
  PICKET_MALFORMED: 400,
  PICKET_HOSTILE_NAME: 400,
  PICKET_CSR: 400,
  PICKET_CERTIFICATE: 401,
  PICKET_TOKEN: 401,
  PICKET_IDENTITY: 403,
  PICKET_NOT_FOUND: 404,
  PICKET_TOO_LARGE: 413,
  PICKET_BUSY: 429,
  PICKET_INTERNAL: 500,
  PICKET_STORE_FULL: 503,
  PICKET_KUBERNETES: 503,
};

export class RefusedError extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusedError';
    this.code = code;
    this.status = STATUS[code];
  }
}

const SHOWN_CHARACTERS = 80;

/** A value from outside for a message: quoted, control characters escaped, cut to 80 characters. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  const cut = text.slice(0, SHOWN_CHARACTERS);
  const quoted = JSON.stringify(cut).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > cut.length ? `${quoted}… (${text.length} characters)` : quoted;
}
