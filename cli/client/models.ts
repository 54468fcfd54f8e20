/** What `/models` of an agent answers, as far as the command line reads it. */

export interface ModelCard {
  readonly model: string;
  readonly version: string;
  readonly learnt: number;
  readonly drift: number | null;
  readonly drifted: boolean;
  readonly told: number;
  readonly beside: {
    readonly place: string;
    readonly comparison: {
      readonly windows: number;
      readonly live: number;
      readonly other: number;
      readonly both: number;
      readonly liveBits: number;
      readonly otherBits: number;
    };
  } | null;
  readonly gathered: number | null;
}

export interface ModelsLine {
  readonly workload: string;
  readonly state: string;
  readonly pinned: boolean;
  readonly bornMs: number | null;
  readonly learntMs: number | null;
  readonly stale: boolean;
  readonly lossy: number;
  readonly blind: boolean;
  readonly models: readonly ModelCard[];
  readonly changes: readonly (readonly [string, string, string, number])[];
}
