/** Opens the store, brings it up to date, closes it. The interface is asynchronous, so that a server can take SQLite's place. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Dialect, Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { ObjectSource } from '../cluster/containments.ts';
import type { RerankerStore } from '../feedback/reranker.ts';
import type { FeedbackStore } from '../feedback/verdict.ts';
import type { ClusterOrderStore } from '../respond/cluster/order.ts';
import type { ResponseStore } from '../respond/execute.ts';
import { type ApiStore, apiStore } from './api.ts';
import { type CanaryStore, canaryStore } from './canaries.ts';
import { clusterOrderStore } from './cluster-orders.ts';
import { containmentStore } from './containments.ts';
import { feedbackStore } from './feedback.ts';
import { type IncidentStore, incidentStore } from './incidents.ts';
import { type JournalStore, journalStore } from './journal.ts';
import { migrationProvider } from './migrations/index.ts';
import { type OrderStore, orderStore } from './orders.ts';
import { type OutsideStore, outsideStore } from './outside.ts';
import { type PlaceStore, placeStore } from './places.ts';
import { pruneSteps } from './prune-steps.ts';
import { type ReportStore, reportStore } from './reports.ts';
import { rerankerStore } from './reranker.ts';
import { bytesOf, type Deleted, deleteOld, endContainers, type Retention } from './retention.ts';
import type { Handle } from './rows.ts';
import type { Tables } from './schema.ts';
import { type SessionStore, sessionStore } from './sessions.ts';
import { type SketchStore, sketchStore } from './sketches.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { type StepStore, stepStore } from './steps.ts';
import { createViews, type Views } from './views.ts';

/** All parts on one connection or transaction. */
export interface StoreParts {
  readonly reports: ReportStore;
  readonly incidents: IncidentStore;
  readonly orders: OrderStore;
  readonly steps: StepStore;
  readonly journal: JournalStore;
  readonly sketches: SketchStore;
  readonly api: ApiStore;
  readonly clusterOrders: ClusterOrderStore;
  readonly sessions: SessionStore;
  readonly feedback: FeedbackStore;
  readonly outside: OutsideStore;
  readonly reranker: RerankerStore;
  readonly canaries: CanaryStore;
  /** The slice that responding needs. */
  readonly response: ResponseStore;
}
export interface Store extends StoreParts {
  readonly views: Views;
  readonly places: PlaceStore;
  readonly objects: ObjectSource;
  /** All of it or nothing. Inside, only the parts that are handed in may be used: the connection is taken. */
  transaction<T>(work: (parts: StoreParts) => Promise<T>): Promise<T>;
  deleteOld(limits: Retention, signal: AbortSignal): Promise<Deleted>;
  /** Containers of nodes that were not heard since live no more. */
  endContainers(beforeMs: number): Promise<void>;
  /** Takes the oldest steps from before then away; the chain stays provable. Says how many; null: none, they are not what was written. */
  pruneSteps(limits: { beforeMs: number; nowMs: number; most: number }): Promise<number | null>;
  bytes(): Promise<number>;
  close(): Promise<void>;
}

function partsOf(db: Handle, auditKey: Uint8Array): StoreParts {
  const [reports, incidents, orders] = [reportStore(db), incidentStore(db), orderStore(db)];
  const [steps, journal, sketches] = [stepStore(db, auditKey), journalStore(db), sketchStore(db)];
  const clusterOrders = clusterOrderStore(db);
  const response: ResponseStore = {
    clusterOrders,
    situation: orders.situation,
    incident: incidents.get,
    setIncidentState: incidents.setState,
    savePlan: orders.savePlan,
    freePlanId: orders.freePlanId,
    proposedPlan: orders.proposedPlan,
    supersededPlan: orders.supersededPlan,
    lastPlan: orders.lastPlan,
    addOrder: orders.add,
    order: orders.get,
    updateOrder: orders.update,
    ordersOf: orders.ofIncident,
    overdue: orders.overdue,
    appendStep: steps.append,
  };
  const [api, sessions] = [apiStore(db), sessionStore(db)];
  const outside = outsideStore(db);
  const people = { outside, feedback: feedbackStore(db, reports), reranker: rerankerStore(db) };
  const asked = { orders, clusterOrders, response, canaries: canaryStore(db) };
  return { reports, incidents, steps, journal, sketches, api, sessions, ...people, ...asked };
}

/** @throws when a migration fails; the tables are then as they were. */
async function migrate(db: Kysely<Tables>): Promise<void> {
  const { error } = await new Migrator({
    ...{ db, provider: migrationProvider },
    // Their numbers are given out before they are written; each adds tables or columns of its own.
    allowUnorderedMigrations: true,
  }).migrateToLatest();
  if (error !== undefined) throw new Error('store: migration failed', { cause: error });
}

/** The dialect of a SQLite file, made with mode 0600. */
export function fileDialect(path: string): Dialect {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  return sqliteDialect(path);
}

export async function openStore(options: { dialect: Dialect; auditKey: Uint8Array }): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: options.dialect });
  await migrate(db);
  return {
    ...partsOf(db, options.auditKey),
    views: createViews(db),
    places: placeStore(db, (id) => incidentStore(db).get(id)),
    objects: containmentStore(db),
    transaction: (work) =>
      db.transaction().execute((transaction) => work(partsOf(transaction, options.auditKey))),
    deleteOld: (limits, signal) => deleteOld(db, limits, signal),
    endContainers: (beforeMs) => endContainers(db, beforeMs),
    pruneSteps: (limits) =>
      db.transaction().execute((transaction) => pruneSteps(transaction, options.auditKey, limits)),
    bytes: () => bytesOf(db),
    close: () => db.destroy(),
  };
}
