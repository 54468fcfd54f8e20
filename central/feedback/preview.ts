/** What exceptions would have hidden of what happened: shown before they are put in force. Pure. */
import type { Means } from '../../kit/exception.ts';
import { type ExceptionRule, exceptionFor } from '../correlate/exception.ts';
import type { PastAlert } from './verdict.ts';

export interface Preview {
  /** Alerts that were looked at. */
  readonly of: number;
  /** Alerts that would have opened or joined no incident. */
  readonly alerts: number;
  /** Incidents of which nothing would be left. */
  readonly incidents: readonly string[];
  /** Alerts among them that somebody called true: an exception that hides one is not put in force. */
  readonly called: readonly string[];
}

export function preview(
  rules: readonly ExceptionRule[],
  past: readonly PastAlert[],
  by: { readonly nowMs: number; readonly means?: Means },
): Preview {
  const hidden = past.filter(({ evidence }) => exceptionFor(evidence, rules, by) !== null);
  const left = new Set(past.filter((one) => !hidden.includes(one)).map(({ incident }) => incident));
  const incidents = new Set(
    hidden.map(({ incident }) => incident).filter((id) => id !== '' && !left.has(id)),
  );
  return {
    of: past.length,
    alerts: hidden.length,
    incidents: [...incidents],
    called: hidden
      .filter(({ verdict }) => verdict === 'true-positive')
      .map(({ evidence }) => evidence.alert.id),
  };
}
