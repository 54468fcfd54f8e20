/** The address as text; IPv6 in the short form of RFC 5952. */
export function addressText(family: number, bytes: Uint8Array): string {
  if (family === 4) return bytes.subarray(0, 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff)
    return bytes.subarray(12, 16).join('.');
  return compress(groups);
}

/** Replaces the longest run of two or more zero groups, the first of equals, by `::`. */
function compress(groups: readonly number[]): string {
  let best = { at: 0, length: 1 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((g) => g.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}
