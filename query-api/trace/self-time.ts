import type { Tree } from './tree.ts'

/** For each span its duration less the union of its children's times, clipped to its own; 0 where times make no sense. */
export function selfTimes(tree: Tree): BigUint64Array {
  return BigUint64Array.from(tree.spans.keys(), (index) => {
    const span = tree.spans[index]
    if (span === undefined) return 0n
    if (span.invalidTimes) return 0n
    const end = span.start + span.duration
    let covered = 0n
    // Children come by start, so what is covered grows from the left and one border is enough.
    let upTo = span.start
    for (const child of tree.children[index] ?? []) {
      const of = tree.spans[child]
      if (of === undefined || of.invalidTimes) continue
      const from = of.start > upTo ? of.start : upTo
      const ends = of.start + of.duration
      const to = ends < end ? ends : end
      if (to > from) {
        covered += to - from
        upTo = to
      }
    }
    return span.duration - covered
  })
}
