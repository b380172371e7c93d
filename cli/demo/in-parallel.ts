/** Does the work for every item in order, with this many under way at once. Rejects with the first failure. */
export async function inParallel<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const runner = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: limit }, runner))
}
