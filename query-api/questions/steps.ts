import { AppError } from '../../base/errors.ts'
import type { TimeWindow } from '../http/times.ts'

const second = 1_000_000_000n
/** Prometheus' own limit of a range query. */
const maxSteps = 11_000

/**
 * Steps of time as Tempo has them: on multiples of their length, so that a chart that moves on keeps its figures; each is
 * told by its end, which it includes: (end - length, end].
 */
export class Steps {
  /** Nanoseconds. */
  readonly length: bigint
  readonly count: number
  /** Before the first step. */
  readonly origin: bigint

  private constructor(origin: bigint, length: bigint, count: number) {
    this.origin = origin
    this.length = length
    this.count = count
  }

  /** Steps that cover a window. Throws BAD_INPUT for too many. */
  static over({ start, end }: TimeWindow, length = stepLength({ start, end }, 240)): Steps {
    if (length <= 0n) throw new AppError('BAD_INPUT', 'a step is longer than nothing')
    const origin = start - (start % length)
    const count = (end - origin + length - 1n) / length
    if (count > BigInt(maxSteps)) throw new AppError('BAD_INPUT', `more than ${maxSteps} steps: take longer ones`)
    return new Steps(origin, length, Number(count))
  }

  /** The window as one step. */
  static one({ start, end }: TimeWindow): Steps {
    return new Steps(start - 1n, end - start, 1)
  }

  /** All that they cover. */
  get window(): TimeWindow {
    return { start: this.origin + 1n, end: this.origin + BigInt(this.count) * this.length + 1n }
  }

  /** The step that a time lies in. */
  at(time: bigint): number {
    return Number((time - this.origin - 1n) / this.length)
  }

  /** The same as SQL. */
  get sql(): string {
    return `toUInt32(intDiv(start_ns - ${this.origin + 1n}, ${this.length}))`
  }

  /** Where step `at` ends. */
  end(at: number): bigint {
    return this.origin + BigInt(at + 1) * this.length
  }

  get seconds(): number {
    return Number(this.length) / 1e9
  }
}

/** The length of about so many steps: whole seconds, of more than five in fives. */
export function stepLength({ start, end }: TimeWindow, steps: number): bigint {
  const about = (end - start) / BigInt(steps)
  const fives = about - (about % (5n * second))
  const whole = about - (about % second)
  return fives > 0n ? fives : whole > 0n ? whole : second
}
