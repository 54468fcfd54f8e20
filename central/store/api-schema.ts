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

interface SessionRow {
  cluster: string;
  node: string;
  boot: string;
  /** Of the process that entered. */
  root: string;
  container: string;
  namespace: string;
  pod: string;
  name: string;
  workload: string;
  at_ms: number;
  pid: number;
  exe: string;
  args_sha256: string;
  args_count: number;
  args_bytes: number;
  args_cut: number;
  /** JSON list: who asked for it; several: any of them. */
  identities: string;
  named_by: string;
}
interface SessionAlert {
  cluster: string;
  node: string;
  boot: string;
  root: string;
  alert: string;
  at_ms: number;
}

export interface ApiTables {
  sessions: SessionRow;
  session_alerts: SessionAlert;
  api_habits: ApiHabit;
  api_tallies: ApiTally;
  pod_entries: PodEntryRow;
  audit_files: AuditFile;
}
