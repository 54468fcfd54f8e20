/** The C programs of this folder, compiled where they are to run: the load, and the floor with its loader. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Container } from './container.ts';
import type { Programs } from './measurement.ts';

const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const WARNINGS = ['-O2', '-Wall', '-Wextra', '-Werror'];
/** As native/CMakeLists.txt looks for it. */
const CLANGS = ['clang-19', 'clang', 'clang-18', 'clang-17', 'clang-16', 'clang-15', 'clang-14'];
const ARCHITECTURES = { x64: ['x86', 'x86_64'], arm64: ['arm64', 'aarch64'] } as const;

function clang(): string {
  const folders = (process.env['PATH'] ?? '').split(':');
  const found = CLANGS.find((name) => folders.some((folder) => existsSync(join(folder, name))));
  if (found === undefined) throw new Error('no clang on the PATH: the floor cannot be compiled');
  return found;
}

function compileFloor(object: string): void {
  const [target, machine] = ARCHITECTURES[arch() === 'arm64' ? 'arm64' : 'x64'];
  const flags = ['-target', 'bpf', '-g', '-mcpu=v3', `-D__TARGET_ARCH_${target}`];
  // Where Debian has <asm/types.h>.
  flags.push(`-I/usr/include/${machine}-linux-gnu`);
  // The context that BPF_PROG declares is not used.
  const warnings = [...WARNINGS, '-Wno-unused-parameter'];
  execFileSync(clang(), [...flags, ...warnings, '-c', source('floor.bpf.c'), '-o', object]);
}

/** @throws with the compiler's words. */
export function compilePrograms(folder: string): Programs {
  const [load, floor, object] = ['load', 'floor', 'floor.bpf.o'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  execFileSync('cc', [...WARNINGS, '-static', source('load.c'), '-o', load]);
  execFileSync('cc', [...WARNINGS, source('floor.c'), '-o', floor, '-lbpf', '-lelf', '-lz']);
  compileFloor(object);
  return { load, floor: [floor, object] };
}

export interface Floor {
  /** Takes it off; calls of the container that it counted, by number. */
  stop(): Promise<ReadonlyMap<number, number>>;
}

/** @throws when it ends before it is attached. */
export async function startFloor(programs: Programs, { folder }: Container): Promise<Floor> {
  const [program, object] = programs.floor;
  const child = spawn(program, [object, String(statSync(folder).ino)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== 'ready') throw new Error('the floor was not attached');
  return { stop: () => countedBy(child, lines) };
}

async function countedBy(
  child: ChildProcess,
  lines: AsyncIterator<string>,
): Promise<ReadonlyMap<number, number>> {
  child.stdin?.end();
  const { value } = await lines.next();
  const { calls } = JSON.parse(String(value)) as { calls: Record<string, number> };
  return new Map(Object.entries(calls).map(([number, count]) => [Number(number), count]));
}
