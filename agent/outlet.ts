/**
 * Where detections, alerts and windows go. In the spool first: an alert exists once it is there, and what the log shows,
 * central gets.
 */
import type { Alert } from './alerts/alert.ts';
import { alertLine } from './alerts/alert.ts';
import { AlertLog } from './alerts/alert-log.ts';
import { type Detection, detectionLine } from './alerts/detection.ts';
import { detectorLabel } from './alerts/detectors.ts';
import { rankOf } from './alerts/severity.ts';
import { argsPrint } from './circumstances.ts';
import type { Context } from './context.ts';
import type { WindowCounts } from './features/window.ts';
import type { Container } from './identity/container.ts';
import type { Life } from './identity/lives.ts';
import type { ContainerWindow } from './pipeline.ts';
import type { SessionStart } from './situation/session-start.ts';
import {
  alertMessage,
  containerMessage,
  detectionMessage,
  sessionMessage,
  windowMessage,
} from './uplink/shapes.ts';
import { alertEntry, containerEntry, detectionEntry, sessionEntry, windowEntry } from './uplink/summarize.ts';
import type { Upward } from './upward.ts';

const KEPT_ALERT_LOGS = 3;
/** Detections from here on go up at once. */
const URGENT = rankOf('high');

export const TRAFFIC = [
  'bytesIn',
  'bytesOut',
  'segments',
  'datagrams',
  'dnsQuestions',
  'dnsFailures',
] as const satisfies (keyof WindowCounts)[];

const bump = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);

export class Outlet {
  /** By severity. */
  readonly detections = new Map<string, number>();
  readonly alerts = new Map<string, number>();
  /** By detector: what each found, and the alerts that it was part of when they were opened. */
  readonly byDetector = { detections: new Map<string, number>(), alerts: new Map<string, number>() };
  /** Of all windows. */
  readonly traffic = {
    bytesIn: 0,
    bytesOut: 0,
    segments: 0,
    datagrams: 0,
    dnsQuestions: 0,
    dnsFailures: 0,
  };
  readonly alertLog: AlertLog;
  private readonly context: Context;
  private readonly upward: Upward;

  /** Makes the alert log's folder. */
  constructor(context: Context, upward: Upward) {
    const { settings } = context;
    this.context = context;
    this.upward = upward;
    this.alertLog = new AlertLog({
      path: context.alertLogPath,
      maxBytes: settings['alert-log-bytes'],
      keep: KEPT_ALERT_LOGS,
      ...(settings['alert-log-stdout'] ? { copy: context.out } : {}),
    });
  }

  /** Tries again, each window, what a full disk did not take. */
  start(): void {
    const { lifetime, settings } = this.context;
    lifetime.repeat(settings.window, () => void this.alertLog.flush());
  }

  detection(found: Detection): void {
    const detection = this.upward.privacy.detection(found);
    bump(this.detections, detection.severity);
    bump(this.byDetector.detections, detectorLabel(detection.detector));
    this.upward.append(() => detectionEntry(detectionMessage(detection)));
    this.alertLog.write(detectionLine(detection, this.context.where));
    if (rankOf(detection.severity) >= URGENT) this.upward.wake();
  }

  alert(raised: Alert): void {
    const alert = this.upward.privacy.alert(raised);
    if (alert.revision === 1) {
      bump(this.alerts, alert.severity);
      for (const label of new Set(alert.detectors.map(detectorLabel))) bump(this.byDetector.alerts, label);
    }
    this.upward.append(() => alertEntry(alertMessage(alert)));
    this.alertLog.write(alertLine(alert, this.context.where));
  }

  /** At once: whoever it is, central is asked by the time of it. */
  session(session: SessionStart, wallMs: number): void {
    const { privacy } = this.upward;
    this.upward.append(() =>
      sessionEntry(privacy.session(sessionMessage(session, wallMs, argsPrint(session.event)))),
    );
  }

  window(window: ContainerWindow): void {
    for (const name of TRAFFIC) this.traffic[name] += window.counts[name];
    this.upward.appendPatiently(() => windowEntry(windowMessage(window)));
    this.upward.sketches?.window(window);
  }

  gone(container: Container, life: Life): void {
    this.upward.append(() => containerEntry(containerMessage(container, life)));
  }
}
