/** What every part of one agent is made with. */
import { join } from 'node:path';
import { type Clock, bootId as readBootId, systemClock } from '../kit/clock.ts';
import type { KubeConfig } from '../kit/kube/config.ts';
import { kubeConfig } from '../kit/kube/settings.ts';
import type { Log } from '../kit/log.ts';
import type { NativeAddon } from '../native/index.ts';
import type { Recording } from './events/recording.ts';
import { Lifetime } from './lifetime.ts';
import type { Opening } from './opening.ts';
import type { AgentSettings } from './settings.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  /** The node's name: the setting, or the host name. */
  readonly node: string;
  readonly version: string;
  readonly log: Log;
  /** Copies of the alert log's lines, for --alert-log-stdout. */
  readonly out: (text: string) => void;
  readonly addon: () => NativeAddon;
  /** The kernel side, where it was opened before the agent was made. */
  readonly opening?: Opening | null;
  /** Everything that enters the pipeline is also written here. */
  readonly record: { readonly path: string; readonly redact: boolean } | null;
  /** In place of this machine: no probe is loaded and nothing is contained. */
  readonly replay: { readonly recording: Recording; readonly speed: number } | null;
  readonly clock?: Clock;
  readonly bootId?: string;
}

export interface Context extends AgentOptions {
  readonly clock: Clock;
  /** The kernel's boot id, or that of the recording. */
  readonly boot: string;
  /** The agent's part of the state folder. */
  readonly folder: string;
  readonly alertLogPath: string;
  /** In every line and summary. */
  readonly where: { readonly node: string; readonly cluster: string };
  readonly lifetime: Lifetime;
  /** The API server of this node's cluster, or null. */
  readonly kubernetes: KubeConfig | null;
  /** On the clock of performance.now(). */
  readonly startedAt: number;
}

export function contextOf(options: AgentOptions): Context {
  const { settings, node, log, replay } = options;
  const folder = join(settings['state-folder'], 'agent');
  return {
    ...options,
    clock: options.clock ?? systemClock(),
    boot: replay?.recording.start.boot ?? options.bootId ?? readBootId(),
    folder,
    alertLogPath: settings['alert-log'] || join(folder, 'alerts.ndjson'),
    where: { node, cluster: settings.cluster },
    lifetime: new Lifetime(log),
    kubernetes: replay === null ? kubeConfig(settings) : null,
    startedAt: performance.now(),
  };
}
