/** What a rule says of a whole incident. */
export interface Sign {
  readonly rule: string;
  /** Steps of severity, up or down. */
  readonly steps: -1 | 0 | 1;
  /** Of the priority, beyond what the severity gives. */
  readonly points?: number;
  readonly sentence: string;
}
