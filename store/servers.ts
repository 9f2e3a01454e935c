/** Several servers that are as good as each other. */
export interface Servers<Server> {
  readonly all: readonly Server[]
  /** The one to ask now: always the same while it answers, so that it sees what was written through it. */
  current(): Server
  /** It did not serve: it is put aside for a while, and the next one is asked. */
  failed(server: Server): void
  /** It served, whatever its answer was. */
  worked(server: Server): void
}

/** How long a server that failed is put aside: the first time, and at most (it doubles). */
const asideMs = { first: 1_000, most: 30_000 }

/**
 * Chooses among servers. When all are put aside the one that comes back first is asked all the same: there is always
 * one to try, so a single server is asked again and again as if nothing kept count.
 *
 * @param all not empty; the first of them is asked first
 * @param now milliseconds of a clock that does not go back; for tests
 */
export function chooseAmong<Server>(
  all: readonly Server[],
  now: () => number = () => performance.now(),
): Servers<Server> {
  const aside = new Map<Server, { until: number; ms: number }>()
  let place = 0
  return {
    all,
    current() {
      let best = all[place] as Server
      for (let i = 0; i < all.length; i++) {
        const server = all[(place + i) % all.length] as Server
        const until = aside.get(server)?.until ?? -Infinity
        if (until <= now()) {
          place = (place + i) % all.length
          return server
        }
        if (until < aside.get(best)!.until) best = server
      }
      return best
    },
    failed(server) {
      const known = aside.get(server)
      // Calls that were under way together fail together: they count once.
      if (known && known.until > now()) return
      const ms = known ? Math.min(known.ms * 2, asideMs.most) : asideMs.first
      aside.set(server, { until: now() + ms, ms })
    },
    worked(server) {
      aside.delete(server)
    },
  }
}
