import type { ComparedPath, ComparedSide } from '../types.ts'
import type { Path } from './paths.ts'

/** Paths that are told; of more, those that take most time on either side, with their callers. */
const maxPaths = 10_000

interface Joined {
  readonly parent: number
  readonly depth: number
  readonly a: Path | undefined
  readonly b: Path | undefined
}

/** Two trees as one, depth first, siblings in the order of their first spans. `cut`: not all of their paths are told. */
export function compared(
  a: ReadonlyMap<string, Path>,
  b: ReadonlyMap<string, Path>,
): { readonly paths: ComparedPath[]; readonly cut: boolean } {
  const joined: Joined[] = []
  const waiting: Joined[] = siblings(a, b, -1, 0)
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const at = joined.push(next) - 1
    const none: ReadonlyMap<string, Path> = new Map()
    waiting.push(...siblings(next.a?.children ?? none, next.b?.children ?? none, at, next.depth + 1))
  }
  const kept = keep(joined)
  return {
    paths: joined.flatMap(({ depth, a: left, b: right }, at): ComparedPath[] => {
      const of = left ?? right
      if (of === undefined || kept?.has(at) === false) return []
      const { service, name, kind } = of
      return [{ depth, service, name, kind, a: side(left), b: side(right) }]
    }),
    cut: kept !== undefined,
  }
}

/** Latest first, as they are taken from the end. */
function siblings(a: ReadonlyMap<string, Path>, b: ReadonlyMap<string, Path>, parent: number, depth: number): Joined[] {
  const keys = [...new Set([...a.keys(), ...b.keys()])]
  const first = ({ a: left, b: right }: Joined): number => (left ?? right)?.first ?? 0
  return keys
    .map((key) => ({ parent, depth, a: a.get(key), b: b.get(key) }))
    .sort((one, other) => first(other) - first(one))
}

/** Undefined: all of them. */
function keep(joined: readonly Joined[]): Set<number> | undefined {
  if (joined.length <= maxPaths) return undefined
  const most = ({ a, b }: Joined): number => Math.max(a?.total ?? 0, b?.total ?? 0)
  const kept = new Set<number>()
  const order = joined.map((one, at) => [most(one), at] as const).sort(([one], [other]) => other - one)
  for (const [, at] of order) {
    if (kept.size >= maxPaths) break
    for (let up = at; up >= 0 && !kept.has(up); up = joined[up]?.parent ?? -1) kept.add(up)
  }
  return kept
}

const side = (path: Path | undefined): ComparedSide | null =>
  path === undefined
    ? null
    : {
        calls: path.calls,
        errors: path.errors,
        totalNanos: path.total,
        selfNanos: path.self,
        spanId: path.spanId,
      }
