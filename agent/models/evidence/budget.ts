/** The promise to people: how long, on average, they wait for the next alert that stands on no rule and is false. */

const UNITS: Readonly<Record<string, bigint>> = {
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/** `1/7d`: one false alarm in seven days. */
export const BUDGET_PATTERN = /^([1-9]\d{0,3})\/([1-9]\d{0,3})(m|h|d|w)$/;

/** Time between false alarms of one workload, ns. @throws RangeError when the text is no budget. */
export function budgetNs(text: string): bigint {
  const [, alarms = '', count = '', unit = ''] = BUDGET_PATTERN.exec(text) ?? [];
  const each = UNITS[unit];
  if (each === undefined) throw new RangeError(`a budget of "${text}", not of the form 1/7d`);
  return (BigInt(count) * each) / BigInt(alarms);
}
