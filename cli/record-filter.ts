/** A recording of one part of the machine only: what is not below a cgroup is left out, frame by frame. */
import { entryBytes } from '../agent/events/decode.ts';
import type { Frame, Tick } from '../agent/events/frame.ts';
import { LAYOUT } from '../agent/events/layout.ts';

const HEADER = LAYOUT['sizeof record_header'];

/** Bytes that a frame keeps: whole pieces whose cgroup is wanted. */
function keepPieces(
  pieces: readonly { bytes: Buffer; cgroup: number }[],
  wanted: ReadonlySet<number>,
): Buffer {
  return Buffer.concat(pieces.filter(({ cgroup }) => wanted.has(cgroup)).map(({ bytes }) => bytes));
}

export class CgroupFilter {
  readonly #below: string;
  readonly #wanted = new Set<number>();
  /** Reason → records that slots which are left out had lost by now: they are nobody's here. */
  readonly #left = new Map<string, number>();

  /** `below` is a path below the cgroup2 mount point, such as /kubepods.slice. */
  constructor(below: string) {
    this.#below = `/${below.replace(/^\/|\/$/g, '')}/`;
  }

  /** What stays of the frame; null when nothing does. */
  filter(frame: Frame): Frame | null {
    if (frame.kind === 'cgroups') {
      const found = frame.found.filter(({ id, path }) => this.#learn(id, path));
      return found.length === 0 ? null : { kind: 'cgroups', found };
    }
    if (frame.kind === 'records') {
      const bytes = this.#records(Buffer.from(frame.bytes));
      return bytes.length === 0 ? null : { kind: 'records', bytes };
    }
    if (frame.kind === 'resources') {
      const readings = frame.readings.filter(({ cgroup }) => this.#wanted.has(cgroup));
      return readings.length === 0 ? null : { kind: 'resources', readings };
    }
    return frame.kind === 'tick' ? { kind: 'tick', tick: this.#tick(frame.tick) } : frame;
  }

  #learn(id: number, path: string): boolean {
    if (path.startsWith(this.#below)) this.#wanted.add(id);
    return this.#wanted.has(id);
  }

  #records(bytes: Buffer): Buffer {
    const pieces: { bytes: Buffer; cgroup: number }[] = [];
    for (let at = 0; at + HEADER <= bytes.length; ) {
      const size = bytes.readUInt32LE(at + LAYOUT['record_header.size']);
      if (size < HEADER || at + size > bytes.length) break;
      const record = bytes.subarray(at, at + size);
      const cgroup = Number(record.readBigUInt64LE(LAYOUT['record_header.cgroup']));
      if (record.readUInt32LE(LAYOUT['record_header.kind']) === LAYOUT.RECORD_CGROUP)
        this.#learn(cgroup, pathIn(record));
      pieces.push({ bytes: record, cgroup });
      at += size;
    }
    return keepPieces(pieces, this.#wanted);
  }

  #tick(tick: Tick): Tick {
    const size = entryBytes(tick.flowSize);
    const flows = Buffer.from(tick.flows);
    for (const { cgroup, losses } of tick.slots) if (!this.#wanted.has(cgroup)) this.#leave(losses);
    const pieces = Array.from({ length: Math.floor(flows.length / size) }, (_, i) => {
      const bytes = flows.subarray(i * size, (i + 1) * size);
      return { bytes, cgroup: Number(bytes.readBigUInt64LE(LAYOUT['flow_entry.cgroup'])) };
    });
    return {
      ...tick,
      slots: tick.slots.filter(({ cgroup }) => this.#wanted.has(cgroup)),
      flows: keepPieces(pieces, this.#wanted),
      lost: Object.fromEntries(
        Object.entries(tick.lost).map(([reason, lost]) => [
          reason,
          Math.max(0, lost - (this.#left.get(reason) ?? 0)),
        ]),
      ),
    };
  }

  #leave(losses: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(losses)) {
      const [reason = name] = name.split('/');
      this.#left.set(reason, (this.#left.get(reason) ?? 0) + count);
    }
  }
}

/** The cgroup's path in a record of one, up to its first zero byte. */
export function pathIn(record: Buffer): string {
  const bytes = Math.min(record.readUInt32LE(LAYOUT['cgroup_record.path_bytes']), LAYOUT.CGROUP_PATH_BYTES);
  const from = LAYOUT['cgroup_record.path'];
  return record
    .subarray(from, from + bytes)
    .toString('utf8')
    .replace(/\0.*$/s, '');
}
