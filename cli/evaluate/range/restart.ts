/**
 * A recording in which, at one time, every container is restarted: it ends, and begins at once under another id and cgroup, with other
 * processes of the same numbers. What it did in the recording it does in the new one, which is found running: a real start
 * does more in its first seconds, which no recording of a container that runs on has, and without which the first visitor would
 * pass for the container's own program. Containers that began while it was recorded show starts.
 */
import { entryBytes } from '../../../agent/events/decode.ts';
import type { CgroupFound, Frame, SlotTick, Tick } from '../../../agent/events/frame.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { ownerOf } from '../../../agent/identity/cgroup.ts';
import { pathIn } from '../../record-filter.ts';

const HEADER = LAYOUT['sizeof record_header'];
/** Above every inode number that a cgroup file system gives. */
const OTHER_CGROUP = 2 ** 40;
/** Later by less than any two starts of one number are apart, ns. */
const OTHER_START = 1n;
const ID = /[0-9a-f]{64}/g;

/** The id with another first digit: another id for each, and the way back. */
const turn = (id: string, by: number): string =>
  `${((Number.parseInt(id.slice(0, 1), 16) + by) % 16).toString(16)}${id.slice(1)}`;
const turned = (id: string): string => turn(id, 1);
const turnedBack = (id: string): string => turn(id, 15);

interface Live {
  readonly path: string;
  readonly id: string;
  slot: number | null;
}

export class Restarts {
  /** By cgroup; containers alone. */
  readonly #live = new Map<number, Live>();
  readonly #ids = new Set<string>();
  readonly #cgroups = new Set<number>();
  /** Processes that acted in containers, as number and start: those that come from outside keep their parents. */
  readonly #inside = new Set<string>();
  #done = false;

  /** Containers that were restarted. */
  get count(): number {
    return this.#ids.size;
  }

  /** The frame as it is from now on. */
  frame(frame: Frame): Frame {
    if (!this.#done) {
      this.#learn(frame);
      return frame;
    }
    if (frame.kind === 'pods') return { kind: 'pods', list: this.#text(frame.list) };
    if (frame.kind === 'records') return { kind: 'records', bytes: this.#records(Buffer.from(frame.bytes)) };
    if (frame.kind === 'tick') return { kind: 'tick', tick: this.#tick(frame.tick) };
    if (frame.kind === 'resources') {
      const readings = frame.readings.map((each) => ({ ...each, cgroup: this.#cgroup(each.cgroup) }));
      return { kind: 'resources', readings };
    }
    if (frame.kind !== 'cgroups') return frame;
    const found = frame.found.map(({ id, path }) => ({ id: this.#cgroup(id), path: this.#text(path) }));
    return { kind: 'cgroups', found };
  }

  /** What tells that all containers end and begin anew at that time, CLOCK_BOOTTIME ns; `list`: the pods there are, if told. */
  restart(bootNs: bigint, list: string | null): Frame[] {
    this.#done = true;
    const [ended, found]: [Buffer[], CgroupFound[]] = [[], []];
    for (const [cgroup, { id, path, slot }] of this.#live) {
      if (slot === null) continue;
      this.#ids.add(id);
      this.#cgroups.add(cgroup);
      ended.push(removal(cgroup, slot, bootNs));
      found.push({ id: cgroup + OTHER_CGROUP, path: path.replace(id, turned(id)) });
    }
    const pods: Frame[] = list === null ? [] : [{ kind: 'pods', list: this.#text(list) }];
    return [{ kind: 'records', bytes: Buffer.concat(ended) }, ...pods, { kind: 'cgroups', found }];
  }

  /** The id that the container had in the recording. */
  idBefore(id: string): string {
    if (!/^[0-9a-f]{64}$/.test(id)) return id;
    const before = turnedBack(id);
    return this.#ids.has(before) ? before : id;
  }

  #learn(frame: Frame): void {
    if (frame.kind === 'cgroups') for (const { id, path } of frame.found) this.#add(id, path);
    if (frame.kind === 'tick')
      for (const { cgroup, slot } of frame.tick.slots) {
        const live = this.#live.get(cgroup);
        if (live !== undefined) live.slot = slot;
      }
    if (frame.kind !== 'records') return;
    for (const record of piecesOf(Buffer.from(frame.bytes))) {
      if (this.#live.has(cgroupOf(record))) this.#inside.add(processOf(record, 'pid', 'start'));
      if (record.readUInt32LE(LAYOUT['record_header.kind']) !== LAYOUT.RECORD_CGROUP) continue;
      const cgroup = Number(record.readBigUInt64LE(LAYOUT['record_header.cgroup']));
      if (record.readUInt32LE(LAYOUT['cgroup_record.event']) === LAYOUT.CGROUP_REMOVED)
        this.#live.delete(cgroup);
      else this.#add(cgroup, pathIn(record));
    }
  }

  #add(cgroup: number, path: string): void {
    const owner = ownerOf(path);
    if (owner?.kind === 'container' && owner.path === path)
      this.#live.set(cgroup, { path, id: owner.id, slot: null });
  }

  #cgroup(cgroup: number): number {
    return this.#cgroups.has(cgroup) ? cgroup + OTHER_CGROUP : cgroup;
  }

  #text(text: string): string {
    return text.replace(ID, (id) => (this.#ids.has(id) ? turned(id) : id));
  }

  #records(bytes: Buffer): Buffer {
    const records = piecesOf(bytes).map((piece) => {
      const cgroup = Number(piece.readBigUInt64LE(LAYOUT['record_header.cgroup']));
      if (!this.#cgroups.has(cgroup)) return piece;
      const record = Buffer.from(piece);
      record.writeBigUInt64LE(BigInt(cgroup + OTHER_CGROUP), LAYOUT['record_header.cgroup']);
      this.#inside.add(processOf(piece, 'pid', 'start'));
      shift(record, 'record_header.start');
      if (this.#inside.has(processOf(piece, 'parent_pid', 'parent_start')))
        shift(record, 'record_header.parent_start');
      return record;
    });
    return Buffer.concat(records);
  }

  #tick(tick: Tick): Tick {
    const slots = tick.slots.map((slot): SlotTick => ({ ...slot, cgroup: this.#cgroup(slot.cgroup) }));
    const flows = Buffer.from(tick.flows);
    const size = entryBytes(tick.flowSize);
    for (let at = LAYOUT['flow_entry.cgroup']; at + 8 <= flows.length; at += size)
      flows.writeBigUInt64LE(BigInt(this.#cgroup(Number(flows.readBigUInt64LE(at)))), at);
    return { ...tick, slots, flows };
  }
}

const cgroupOf = (record: Buffer): number => Number(record.readBigUInt64LE(LAYOUT['record_header.cgroup']));

const processOf = (record: Buffer, pid: 'pid' | 'parent_pid', start: 'start' | 'parent_start'): string =>
  `${record.readUInt32LE(LAYOUT[`record_header.${pid}`])}:${record.readBigUInt64LE(LAYOUT[`record_header.${start}`])}`;

function shift(record: Buffer, name: 'record_header.start' | 'record_header.parent_start'): void {
  record.writeBigUInt64LE(record.readBigUInt64LE(LAYOUT[name]) + OTHER_START, LAYOUT[name]);
}

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < HEADER || at + size > bytes.length) break;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** The record of a cgroup that is gone. */
function removal(cgroup: number, slot: number, time: bigint): Buffer {
  const record = Buffer.alloc(LAYOUT['sizeof cgroup_record']);
  record.writeUInt32LE(LAYOUT.RECORD_CGROUP, LAYOUT['record_header.kind']);
  record.writeUInt32LE(record.length, LAYOUT['record_header.size']);
  record.writeUInt32LE(slot, LAYOUT['record_header.slot']);
  record.writeBigUInt64LE(time, LAYOUT['record_header.time']);
  record.writeBigUInt64LE(BigInt(cgroup), LAYOUT['record_header.cgroup']);
  record.writeUInt32LE(LAYOUT.CGROUP_REMOVED, LAYOUT['cgroup_record.event']);
  return record;
}
