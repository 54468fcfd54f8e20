/**
 * The protocol of hids-docker: strace text with arguments, from the unpacked archive (`tar xJf hids-docker.tar.xz -C
 * DIR/traces`), in windows of 200 calls. *Seen* behaviours: of each kind of normal use some runs are learnt; *unseen*:
 * two of five kinds of normal use are not learnt at all.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TraceDetector, type TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { readStrace, type Traced, type Window, windowsOf } from './strace.ts';
import { type Bars, figuresOf, type Judged } from './traces-table.ts';

interface Recording extends Traced {
  /** As in the name of its file. */
  readonly number: number;
}

interface Protocol {
  readonly name: string;
  learns(number: number): boolean;
  readonly all: Bars;
  readonly novel: Bars;
}

const WINDOW = 200;
const NONE: Bars = { baseline: '-', aim: '-' };

const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'hids-docker, seen',
    learns: (number) => number % 5 < 3,
    all: { baseline: '.975 .84 .87', aim: '.985 .87 .92' },
    novel: NONE,
  },
  {
    name: 'hids-docker, unseen',
    learns: (number) => [0, 1, 3].includes(Math.floor(number / 5)),
    all: { baseline: '.964 .82 .83', aim: '.975 .83 .87' },
    novel: { baseline: '.998 .97 .99', aim: '.999 .99 .995' },
  },
];

function readRecordings(dir: string): Recording[] {
  return readdirSync(dir)
    .map((name) => ({ name, number: Number(/\d+$/.exec(name)?.[0] ?? Number.NaN) }))
    .filter(({ number }) => Number.isInteger(number))
    .sort((a, b) => a.number - b.number)
    .map(({ name, number }) => ({ number, ...readStrace(readFileSync(join(dir, name), 'latin1')) }));
}

/** Place of the first call with a fact that no normal recording has; calls are facts too. */
function novelFrom({ facts }: Traced, known: ReadonlySet<string>): number {
  const at = facts.findIndex((list) => list.some((fact) => !known.has(fact)));
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

interface JudgedWindow {
  readonly window: Window;
  readonly verdict: TraceVerdict;
}

interface JudgedRecording {
  readonly recording: Recording;
  readonly windows: readonly JudgedWindow[];
  /** Of its last window's length of calls, which whole windows may leave out. */
  readonly last: TraceVerdict;
}

/** The verdict of a recording is that of its strangest window, its last calls included. */
const strangest = ({ windows, last }: JudgedRecording): TraceVerdict[] => {
  const [first, ...rest] = [...windows.map(({ verdict }) => verdict), last];
  return first === undefined ? [] : [rest.reduce((a, b) => (b.score > a.score ? b : a), first)];
};

const verdicts = (recordings: readonly JudgedRecording[]): TraceVerdict[] =>
  recordings.flatMap(({ windows }) => windows.map(({ verdict }) => verdict));

function rowsOf(
  protocol: Protocol,
  normal: readonly Recording[],
  attacks: readonly Recording[],
  seed: number,
) {
  const detector = new TraceDetector(seed);
  let learnt = 0;
  for (const recording of normal.filter(({ number }) => protocol.learns(number)))
    for (const { calls, facts } of windowsOf(recording, WINDOW)) {
      detector.learn({ calls, facts, group: String(recording.number) });
      learnt += 1;
    }
  const judge = (recording: Recording): JudgedRecording => ({
    recording,
    windows: windowsOf(recording, WINDOW).map((window) => ({ window, verdict: detector.judge(window) })),
    last: detector.judge({ calls: recording.calls.slice(-WINDOW), facts: recording.facts.slice(-WINDOW) }),
  });
  const calm = normal.filter(({ number }) => !protocol.learns(number)).map(judge);
  const strange = attacks.map(judge);
  const known = new Set(normal.flatMap(({ facts }) => facts.flat()));
  const after = strange.flatMap(({ recording, windows }) => {
    const from = novelFrom(recording, known);
    return windows.filter(({ window }) => window.from + WINDOW > from).map(({ verdict }) => verdict);
  });
  const row = (name: string, judged: Judged, bars: Bars): string[] =>
    figuresOf(`${protocol.name}${name}`, learnt, judged, bars);
  const normals = verdicts(calm);
  return [
    row('', { normals, attacks: verdicts(strange) }, protocol.all),
    row(', from the first new fact on', { normals, attacks: after }, protocol.novel),
    row(
      ', whole recordings',
      { normals: calm.flatMap(strangest), attacks: strange.flatMap(strangest) },
      NONE,
    ),
  ];
}

/** Rows of the table; none where the archive is not unpacked. */
export function reportHids(dir: string, seed: number): string[][] {
  const place = [join(dir, 'traces/hids-docker'), join(dir, 'hids-docker')].find((path) =>
    existsSync(join(path, 'normal')),
  );
  if (place === undefined) return [];
  const normal = readRecordings(join(place, 'normal'));
  const attacks = readRecordings(join(place, 'exec'));
  return PROTOCOLS.flatMap((protocol) => rowsOf(protocol, normal, attacks, seed));
}
