/** Container, process and baseline as rules see them; see fields.ts. Values are made when they are asked for. */
import type { RuleContext } from '../alerts/hit.ts';
import type { Container } from '../identity/container.ts';
import type { KnownProcess } from '../identity/processes.ts';
import { isEntered, isOfMain, isRuntime, serverAbove, shellAbove, starterRanSince } from './lineage.ts';
import { secondsSince } from './subjects.ts';

export class ContainerView {
  readonly #container: Container;
  readonly #time: bigint;

  constructor(container: Container, time: bigint) {
    this.#container = container;
    this.#time = time;
  }

  get kind(): string {
    return this.#container.kind;
  }
  get age(): number {
    return secondsSince(this.#time, this.#container.madeAt);
  }
  get name(): string {
    return this.#container.identity.name;
  }
  get pod(): string {
    return this.#container.identity.pod;
  }
  get namespace(): string {
    return this.#container.identity.namespace;
  }
  get workload(): string {
    return this.#container.identity.workload;
  }
  get image(): string {
    return this.#container.identity.image;
  }
}

export class ProcessView {
  readonly #exe: string;
  readonly #lineage: readonly KnownProcess[];
  readonly #container: Container;
  readonly #time: bigint;

  constructor(exe: string, time: bigint, { lineage, container }: RuleContext) {
    this.#exe = exe;
    this.#time = time;
    this.#lineage = lineage;
    this.#container = container;
  }

  get runtime(): boolean {
    return isRuntime(this.#exe, this.#lineage);
  }
  get shell(): string {
    return shellAbove(this.#lineage, this.#container)?.program ?? '';
  }
  get server(): string {
    const shell = shellAbove(this.#lineage, this.#container);
    return shell === null ? '' : serverAbove(this.#lineage, shell);
  }
  get entered(): boolean {
    return isEntered(this.#lineage, this.#container);
  }
  get by_main(): boolean {
    return isOfMain(this.#lineage);
  }
  get starter_age(): number {
    return secondsSince(this.#time, starterRanSince(this.#lineage));
  }
  get ancestors(): readonly string[] {
    return this.#lineage.slice(1).map(({ exe }) => exe);
  }
  get parent(): string {
    return this.#lineage[1]?.exe ?? '';
  }
}

export class BaselineView {
  readonly state: string;
  readonly seen: bigint;

  constructor({ state, seen }: RuleContext['known']) {
    this.state = state;
    this.seen = BigInt(seen);
  }
}

/** What an expression sees; the container's and process's values are made at the first use. */
export class Variables {
  readonly event: object;
  set: Readonly<Record<string, string>> = {};
  readonly #time: bigint;
  readonly #exe: string;
  readonly #context: RuleContext;
  #container: ContainerView | null = null;
  #process: ProcessView | null = null;
  #baseline: BaselineView | null = null;

  constructor(event: object, of: { time: bigint; exe: string; context: RuleContext }) {
    this.event = event;
    this.#time = of.time;
    this.#exe = of.exe;
    this.#context = of.context;
  }

  get container(): ContainerView {
    this.#container ??= new ContainerView(this.#context.container, this.#time);
    return this.#container;
  }
  get process(): ProcessView {
    this.#process ??= new ProcessView(this.#exe, this.#time, this.#context);
    return this.#process;
  }
  get baseline(): BaselineView {
    this.#baseline ??= new BaselineView(this.#context.known);
    return this.#baseline;
  }
}
