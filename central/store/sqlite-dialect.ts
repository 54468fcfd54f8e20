/** A Kysely dialect for node:sqlite: one connection, prepared statements kept, the interface asynchronous. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

/** Prepared statements kept; beyond it the one that was not used for longest goes. */
const STATEMENTS = 256;

/** No space on the disk, or the database's own limit is reached. What was under way is undone. */
export class StoreFullError extends Error {
  readonly code = 'PICKET_STORE_FULL';
  constructor(cause: unknown) {
    super('store: no space left', { cause });
    this.name = 'StoreFullError';
  }
}

// Result codes of sqlite3.h: SQLITE_FULL, and SQLITE_IOERR_WRITE / _FSYNC as some file systems report a full disk.
const FULL = new Set([13, 778, 1034]);
const isFull = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && FULL.has(Number(error.errcode));

class Connection implements DatabaseConnection {
  private readonly database: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  constructor(database: DatabaseSync) {
    this.database = database;
  }
  private prepare(sql: string): StatementSync {
    const known = this.statements.get(sql);
    if (known !== undefined) this.statements.delete(sql);
    const statement = known ?? this.database.prepare(sql);
    this.statements.set(sql, statement);
    if (this.statements.size > STATEMENTS) {
      const [oldest] = this.statements.keys();
      if (oldest !== undefined) this.statements.delete(oldest);
    }
    return statement;
  }
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters as SQLInputValue[];
    try {
      const statement = this.prepare(query.sql);
      if (statement.columns().length > 0) return { rows: statement.all(...parameters) as R[] };
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    } catch (error) {
      if (isFull(error)) throw new StoreFullError(error);
      throw error;
    }
  }
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const statement = this.database.prepare(query.sql);
    for (const row of statement.iterate(...(query.parameters as SQLInputValue[]))) yield { rows: [row as R] };
  }
}

class SqliteDriver implements Driver {
  private readonly database: DatabaseSync;
  private readonly connection: Connection;
  constructor(database: DatabaseSync) {
    this.database = database;
    this.connection = new Connection(database);
  }
  async init(): Promise<void> {}
  async acquireConnection(): Promise<DatabaseConnection> {
    return this.connection;
  }
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Immediate: the write lock is taken here, so that no statement in the middle finds it taken.
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // On some errors (a full disk is one) SQLite has rolled back by itself.
    if (this.database.isTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
  }
  async releaseConnection(): Promise<void> {}
  async destroy(): Promise<void> {
    this.database.close();
  }
}

/** Opens the file with the journal and durability that the store's README paragraph states. */
export function sqliteDialect(path: string): Dialect {
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  database.exec('pragma auto_vacuum = incremental');
  database.exec('pragma journal_mode = wal');
  // FULL: a summary that was acknowledged is deleted at the node; with NORMAL a power cut could take it back.
  database.exec('pragma synchronous = full');
  database.exec('pragma journal_size_limit = 16777216');
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(database),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
