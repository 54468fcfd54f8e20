/** Lines of the alert log as scoring wants them. */
import type { Told } from './score.ts';

type Json = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

/** Of a detection's summary, or of an alert's sentences: what is named there can be found there by a person. */
function factOf(line: Json): string {
  const { fact, peer } = object(line['facts']);
  const named = [fact, peer].filter((one) => typeof one === 'string');
  return named.length > 0 ? named.join(' ') : texts(line['explanation']).join(' ');
}

function tailOf(line: Json): Told['tail'] {
  const by = text(object(line['evidence'])['by']);
  return by === 'own' || by === 'pooled' || by === 'none' ? by : null;
}

/** `at`: when it was told, Unix s; without it the line's own time, which is that of the kernel's record. */
export function toldOf(line: Json, at?: number): Told {
  const process = object(line['process']);
  const time = Date.parse(text(line['time'])) / 1000;
  return {
    kind: text(line['kind']),
    id: text(line['id']),
    time,
    at: Math.max(at ?? time, time),
    container: text(object(line['container'])['id']),
    pid: Number(process['pid'] ?? 0),
    exe: text(process['exe']),
    detectors: line['kind'] === 'alert' ? texts(line['detectors']) : [text(line['detector'])],
    summary: text(line['title'] ?? line['summary']),
    fact: factOf(line),
    severity: text(line['severity']),
    score: Number(line['score'] ?? 0),
    alert: text(line['kind'] === 'alert' ? line['id'] : line['alert']),
    tail: tailOf(line),
  };
}
