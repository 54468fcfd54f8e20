/** The addon with programs that the test drives: records are given to `emit`, containment is a map. */
import type { NativeAddon } from '../../native/index.ts';
import { type FakeContainments, fakeContainments } from './containments.ts';
import { type FakeProbe, fakeProbe } from './probe.ts';

export interface FakeAddon extends NativeAddon {
  readonly probe: FakeProbe;
  readonly containments: FakeContainments;
  /** Hands records to the agent, as the drain thread would. */
  emit(records: Buffer): void;
  /** openProbe fails with this message and PICKET_BPF_REFUSED. */
  refusal: string | null;
  /** openContainments fails with this message and PICKET_PIN_NEWER. */
  pinRefusal: string | null;
  /** ownNumber does not know it, with this message. */
  numberRefusal: string | null;
}

export function fakeAddon(containments = fakeContainments()): FakeAddon {
  const probe = fakeProbe();
  let onBatch: (records: Buffer) => void = () => undefined;
  return {
    probe,
    containments,
    refusal: null,
    pinRefusal: null,
    numberRefusal: null,
    emit: (records) => onBatch(records),
    async openProbe(_, take) {
      if (this.refusal !== null) throw Object.assign(new Error(this.refusal), { code: 'PICKET_BPF_REFUSED' });
      onBatch = take;
      return probe;
    },
    openContainments() {
      if (this.pinRefusal !== null)
        throw Object.assign(new Error(this.pinRefusal), { code: 'PICKET_PIN_NEWER' });
      return containments;
    },
    tryPeers: async ({ peers }) => peers.map(() => 0),
    tryInside: async () => ({ tcp4: 1, tcp6: 1, udp4: 1, udp6: 1 }),
    ownNumber() {
      return this.numberRefusal === null
        ? { number: process.pid, refusal: null }
        : { number: 0, refusal: this.numberRefusal };
    },
    runCanary: async () => 0,
    tryExec: async () => 1,
    layout: () => ({}),
    preferThreads: () => undefined,
    releaseMemory: () => 0,
    bpfUsers: () => ({ onRoot: [], onTracepoints: [], refusal: null }),
    features: () => ({
      btf: true,
      ringBuffer: true,
      taskStorage: true,
      tracingBtf: true,
      cgroupSkb: true,
      bpfLsm: false,
      refusal: null,
    }),
  };
}
