/**
 * How far the table of steps had come, in a file beside the key that chains it: a chain alone does not show that its end
 * was cut off. Written a moment after the lines, so the file never knows more than the table had.
 */
import { join } from 'node:path';
import { readPrivate, replacePrivate } from './pki/files.ts';
import type { StepStore, TrailHead, TrailVerdict } from './store/steps.ts';

const HEAD = /^(\d{1,15}):([0-9a-f]{64})\n?$/;

/** `LINE:HASH`, or null. */
export function parseHead(text: string): TrailHead | null {
  const [, line, hash = ''] = HEAD.exec(text) ?? [];
  return line === undefined ? null : { line: Number(line), hash };
}

export interface Trail {
  /** Writes down how far the table has come. */
  keep(): Promise<void>;
  /** `from`: a head that somebody noted elsewhere. */
  verify(from: TrailHead | null): Promise<TrailVerdict>;
}

export function createTrail(folder: string, steps: Pick<StepStore, 'head' | 'verify'>): Trail {
  const path = join(folder, 'audit-head');
  let kept = readPrivate(path) ?? '';
  return {
    async keep() {
      const { line, hash } = await steps.head();
      const known = parseHead(kept);
      // A table that has become shorter is not forgotten by writing down its new end.
      if (line === 0 || line <= (known?.line ?? 0)) return;
      const text = `${line}:${hash}\n`;
      replacePrivate(path, text);
      kept = text;
    },
    verify(from) {
      const known = parseHead(kept);
      return steps.verify([...(known === null ? [] : [known]), ...(from === null ? [] : [from])]);
    },
  };
}
