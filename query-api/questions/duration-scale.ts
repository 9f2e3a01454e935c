/** Rows for each factor of ten. */
const perDecade = 10
const decades = 9

/**
 * Where the rows of a logarithmic scale of durations begin, in nanoseconds: 0, then 1 µs to 1,000 s in steps of 26 %. The
 * edges are whole numbers, so that a row and a filter on durations hold the same spans.
 */
export const durationEdges: readonly number[] = [
  0,
  ...Array.from({ length: decades * perDecade + 1 }, (_, step) => Math.round(10 ** (3 + step / perDecade))),
]

/** SQL for the edge that a span's duration is at or above. */
export const durationEdge = `roundDown(duration_ns, [${durationEdges.join(', ')}])`

const rowByEdge = new Map(durationEdges.map((edge, row) => [edge, row]))
/** The row that begins at an edge that the store answered. */
export const rowOfEdge = (edge: unknown): number => rowByEdge.get(Number(edge)) ?? 0
