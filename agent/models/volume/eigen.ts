/**
 * Eigenvalues and vectors of a symmetric matrix by cyclic Jacobi rotations (C. G. J. Jacobi, 1846; G. Golub, C. Van
 * Loan, "Matrix Computations", 8.5). For matrices of some dozens of rows it is as good as any and needs no library.
 */
const MAX_SWEEPS = 30;
const SMALL = 1e-12;

export interface Eigen {
  readonly values: Float64Array;
  /** Column k, at [row * size + k], belongs to value k. */
  readonly vectors: Float64Array;
}

/** @param matrix size × size, row by row; not changed */
export function eigenOf(matrix: Float64Array, size: number): Eigen {
  const a = matrix.slice();
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(a, size) > SMALL; sweep++)
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, vectors, { size, p, q });
  return { values: Float64Array.from({ length: size }, (_, i) => a[i * size + i] ?? 0), vectors };
}

function offDiagonal(a: Float64Array, size: number): number {
  let sum = 0;
  for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) sum += (a[p * size + q] ?? 0) ** 2;
  return sum;
}

function rotate(a: Float64Array, v: Float64Array, at: { size: number; p: number; q: number }): void {
  const { size, p, q } = at;
  const apq = a[p * size + q] ?? 0;
  if (Math.abs(apq) < 1e-14) return;
  const theta = ((a[q * size + q] ?? 0) - (a[p * size + p] ?? 0)) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < size; k++) turn(a, { i: k * size + p, j: k * size + q, c, s });
  for (let k = 0; k < size; k++) turn(a, { i: p * size + k, j: q * size + k, c, s });
  for (let k = 0; k < size; k++) turn(v, { i: k * size + p, j: k * size + q, c, s });
}

function turn(a: Float64Array, { i, j, c, s }: { i: number; j: number; c: number; s: number }): void {
  const x = a[i] ?? 0;
  const y = a[j] ?? 0;
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}
