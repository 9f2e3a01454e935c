import { type Attributes, diag, type SpanContext, TraceFlags, type TraceState } from '@opentelemetry/api'
import { isKept, type Threshold, thresholdOf, withThreshold } from './probability.ts'

export interface SamplingRules {
  /** As in `OTEL_TRACES_SAMPLER` and its argument. */
  readonly name: string
  readonly argument: string | undefined
  /** Probabilities of requests by the beginning of their path, the longest that fits. */
  readonly routes: ReadonlyMap<string, number>
  /** New traces a second at most, over time; undefined: any number. */
  readonly tracesPerSecond: number | undefined
  /** Whether all is recorded, because what is kept is decided at the end. */
  readonly recordAll: boolean
}

export interface Decision {
  /** What others are told. */
  readonly sampled: boolean
  /** Whether there is a span at all. */
  readonly recorded: boolean
  readonly state: TraceState | undefined
}

/** Decides at the beginning of a span; what was decided for the trace is followed, unless the rules say otherwise. */
export class Sampler {
  readonly #parentBased: boolean
  readonly #recordAll: boolean
  readonly #root: boolean | ProbabilitySampler

  constructor({ name, argument, routes, tracesPerSecond, recordAll }: SamplingRules) {
    this.#parentBased = name.startsWith('parentbased_')
    this.#recordAll = recordAll
    const root = rootOf(this.#parentBased ? name.slice('parentbased_'.length) : name, argument)
    const bySharesOnly = typeof root === 'boolean' && routes.size === 0 && tracesPerSecond === undefined
    this.#root = bySharesOnly ? root : new ProbabilitySampler(Number(root), routes, tracesPerSecond)
  }

  decide(traceId: string, parent: SpanContext | undefined, attributes: Attributes | undefined): Decision {
    const state = parent?.traceState
    if (parent !== undefined && this.#parentBased) {
      return this.#decision((parent.traceFlags & TraceFlags.SAMPLED) !== 0, state)
    }
    if (typeof this.#root === 'boolean') return this.#decision(this.#root, state)
    const threshold = this.#root.thresholdOf(attributes)
    const kept = isKept(traceId, state, threshold)
    return this.#decision(kept, withThreshold(state, kept ? threshold.text : undefined))
  }

  #decision(sampled: boolean, state: TraceState | undefined): Decision {
    return { sampled, recorded: sampled || this.#recordAll, state }
  }
}

/** All, none, or a share. */
function rootOf(name: string, argument: string | undefined): boolean | number {
  if (name === 'always_on') return true
  if (name === 'always_off') return false
  if (name === 'traceidratio') {
    const ratio = argument === undefined || argument.trim() === '' ? 1 : Number(argument)
    if (ratio >= 0 && ratio <= 1) return ratio
    diag.warn(`OTEL_TRACES_SAMPLER_ARG=${argument} is no ratio from 0 to 1; all traces are kept`)
    return true
  }
  diag.warn(`OTEL_TRACES_SAMPLER=${name} is not known here; all traces are kept`)
  return true
}

/** By a probability, which each span that is kept then carries. */
class ProbabilitySampler {
  readonly #base: number
  readonly #routes: readonly (readonly [path: string, threshold: Threshold])[]
  readonly #rate: Rate | undefined
  #threshold: Threshold

  constructor(base: number, routes: ReadonlyMap<string, number>, tracesPerSecond: number | undefined) {
    this.#base = base
    this.#threshold = thresholdOf(base)
    this.#routes = [...routes]
      .toSorted(([a], [b]) => b.length - a.length)
      .map(([path, probability]) => [path, thresholdOf(probability)] as const)
    this.#rate = tracesPerSecond === undefined ? undefined : new Rate(tracesPerSecond)
  }

  thresholdOf(attributes: Attributes | undefined): Threshold {
    if (this.#routes.length > 0) {
      const path = attributes?.['url.path'] ?? attributes?.['http.target']
      const found = typeof path === 'string' ? this.#routes.find(([begin]) => path.startsWith(begin)) : undefined
      if (found !== undefined) return found[1]
    }
    const share = this.#rate?.share(this.#base)
    if (share !== undefined) this.#threshold = thresholdOf(share)
    return this.#threshold
  }
}

/**
 * Which share of the traces may be kept so that over time no more than so many a second are: the rate at which they
 * begin is averaged over some ten seconds, and the share follows it.
 */
class Rate {
  readonly #perSecond: number
  #average = 0
  #count = 0
  #since: number

  constructor(perSecond: number, now = performance.now()) {
    this.#perSecond = perSecond
    this.#since = now
  }

  /** Counts one, and gives the new share once a second; undefined in between. */
  share(most: number, now = performance.now()): number | undefined {
    this.#count++
    const seconds = (now - this.#since) / 1_000
    if (seconds < 1) return undefined
    const weight = this.#average === 0 ? 1 : 1 - Math.exp(-seconds / 10)
    this.#average += (this.#count / seconds - this.#average) * weight
    this.#count = 0
    this.#since = now
    return Math.min(most, this.#perSecond / this.#average)
  }
}
