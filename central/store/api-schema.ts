/** Tables of the API's activity and of who enters containers. */

interface ApiHabit {
  cluster: string;
  kind: string;
  who: string;
  value: string;
  last_ms: number;
}
interface ApiTally {
  cluster: string;
  kind: string;
  observed: number;
  fresh: number;
}
/** A request to enter a pod. */
interface PodEntryRow {
  id: string;
  cluster: string;
  at_ms: number;
  kind: string;
  user_name: string;
  /** JSON lists. */
  user_groups: string;
  sources: string;
  user_agent: string;
  namespace: string;
  pod: string;
  container: string;
  command: string;
  outcome: string;
  provider: string;
}
interface AuditFile {
  path: string;
  inode: number;
  offset: number;
  head: string;
}

export interface ApiTables {
  api_habits: ApiHabit;
  api_tallies: ApiTally;
  pod_entries: PodEntryRow;
  audit_files: AuditFile;
}
