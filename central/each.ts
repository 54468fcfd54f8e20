/** Work on several things of which none keeps the others from it. */

/** What failed; each of those is taken back, so that it is done the next time. */
export async function eachOf<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  takeBack: (item: T) => void,
): Promise<readonly unknown[]> {
  const failed: unknown[] = [];
  for (const item of items)
    await work(item).catch((error: unknown) => {
      takeBack(item);
      failed.push(error);
    });
  return failed;
}
