/**
 * Eigenvalues and vectors of a symmetric matrix by cyclic Jacobi rotations (C. G. J. Jacobi, 1846; G. Golub, C. Van
 * Loan, "Matrix Computations", 8.5). For matrices of some dozens of rows it is as good as any and needs no library.
 */
const MAX_SWEEPS = 30;
/** Sum of squares beside the diagonal, of a matrix of correlations. */
const SMALL = 1e-10;

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

/** In place, and without a call per number: a matrix of 40 rows takes some 10^6 of them. */
function rotate(a: Float64Array, v: Float64Array, at: { size: number; p: number; q: number }): void {
  const { size, p, q } = at;
  const apq = a[p * size + q] ?? 0;
  if (Math.abs(apq) < 1e-14) return;
  const theta = ((a[q * size + q] ?? 0) - (a[p * size + p] ?? 0)) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0, i = p, j = q; k < size; k++, i += size, j += size) {
    const [x, y] = [a[i] ?? 0, a[j] ?? 0];
    a[i] = c * x - s * y;
    a[j] = s * x + c * y;
    const [left, right] = [v[i] ?? 0, v[j] ?? 0];
    v[i] = c * left - s * right;
    v[j] = s * left + c * right;
  }
  for (let k = 0, i = p * size, j = q * size; k < size; k++, i++, j++) {
    const [x, y] = [a[i] ?? 0, a[j] ?? 0];
    a[i] = c * x - s * y;
    a[j] = s * x + c * y;
  }
}
