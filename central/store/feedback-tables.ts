/** Tables of verdicts, exceptions and the re-ranking as Kysely sees them. */
export interface FeedbackTables {
  feedback: {
    id: string;
    at_ms: number;
    actor: string;
    subject_kind: string;
    subject: string;
    verdict: string;
    reason: string;
    /** JSON: detector → bits. */
    features: string;
    confidence: number;
  };
  exceptions: {
    name: string;
    workload: string;
    detector: string;
    facts: string;
    reason: string;
    actor: string;
    verdict: string;
    made_ms: number;
    expires_ms: number;
    revoked_ms: number;
    revoked_by: string;
  };
  rerankers: {
    version: string;
    made_ms: number;
    document: string;
  };
  /** One row. */
  reranking: {
    id: number;
    choice: string;
    actor: string;
    at_ms: number;
  };
}
