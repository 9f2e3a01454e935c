import type { SkeletonSpan } from './skeleton.ts'

/** Texts that occur again and again, each kept once. */
class Dictionary {
  readonly texts: string[] = []
  readonly #places = new Map<string, number>()
  place(text: string): number {
    let place = this.#places.get(text)
    if (place === undefined) this.#places.set(text, (place = this.texts.push(text) - 1))
    return place
  }
}

const firstCapacity = 16_384

/**
 * Skeletons of a large trace in columns: some 80 bytes a span in place of the 300 of an object and its texts. Ids are 16 hex
 * digits, copy keys decimal digits.
 */
export class SkeletonTable {
  readonly #services = new Dictionary()
  readonly #names = new Dictionary()
  readonly #resources = new Dictionary()
  /** Two halves of each id, the first digits first. */
  #ids = new Uint32Array(2 * firstCapacity)
  #parents = new Uint32Array(2 * firstCapacity)
  #service = new Uint32Array(firstCapacity)
  #name = new Uint32Array(firstCapacity)
  #resource = new Uint32Array(firstCapacity)
  #scope = new Uint32Array(firstCapacity)
  #kind = new Int32Array(firstCapacity)
  #flags = new Uint8Array(firstCapacity)
  #start = new BigUint64Array(firstCapacity)
  #duration = new BigUint64Array(firstCapacity)
  #received = new BigInt64Array(firstCapacity)
  #copyKey = new BigUint64Array(firstCapacity)
  #copies = new Uint32Array(firstCapacity)
  #length = 0

  get length(): number {
    return this.#length
  }

  add(span: SkeletonSpan): void {
    const at = this.#length++
    if (at === this.#kind.length) this.#grow()
    writeId(this.#ids, at, span.spanId)
    writeId(this.#parents, at, span.parentSpanId)
    this.#service[at] = this.#services.place(span.service)
    this.#name[at] = this.#names.place(span.name)
    this.#resource[at] = this.#resources.place(span.resourceId)
    this.#scope[at] = span.scope
    this.#kind[at] = span.kind
    this.#flags[at] = (span.error ? isError : 0) | (span.invalidTimes ? hasInvalidTimes : 0)
    this.#start[at] = span.start
    this.#duration[at] = span.duration
    this.#received[at] = span.receivedAt
    this.#copyKey[at] = BigInt(span.copyKey)
    this.#copies[at] = span.copies
  }

  /** All rows, each a view of its columns. */
  rows(): SkeletonSpan[] {
    return Array.from({ length: this.#length }, (_, at) => new SkeletonTable.#Row(this, at))
  }

  static readonly #Row = class implements SkeletonSpan {
    readonly #of: SkeletonTable
    readonly #at: number
    constructor(of: SkeletonTable, at: number) {
      this.#of = of
      this.#at = at
    }
    get spanId(): string {
      return readId(this.#of.#ids, this.#at)
    }
    get parentSpanId(): string {
      return readId(this.#of.#parents, this.#at)
    }
    get service(): string {
      return this.#of.#services.texts[this.#of.#service[this.#at] ?? -1] ?? ''
    }
    get name(): string {
      return this.#of.#names.texts[this.#of.#name[this.#at] ?? -1] ?? ''
    }
    get resourceId(): string {
      return this.#of.#resources.texts[this.#of.#resource[this.#at] ?? -1] ?? ''
    }
    get scope(): number {
      return this.#of.#scope[this.#at] ?? 0
    }
    get kind(): number {
      return this.#of.#kind[this.#at] ?? 0
    }
    get error(): boolean {
      return ((this.#of.#flags[this.#at] ?? 0) & isError) !== 0
    }
    get invalidTimes(): boolean {
      return ((this.#of.#flags[this.#at] ?? 0) & hasInvalidTimes) !== 0
    }
    get start(): bigint {
      return this.#of.#start[this.#at] ?? 0n
    }
    get duration(): bigint {
      return this.#of.#duration[this.#at] ?? 0n
    }
    get receivedAt(): bigint {
      return this.#of.#received[this.#at] ?? 0n
    }
    get copyKey(): string {
      return String(this.#of.#copyKey[this.#at] ?? 0n)
    }
    get copies(): number {
      return this.#of.#copies[this.#at] ?? 1
    }
    set copies(many: number) {
      this.#of.#copies[this.#at] = many
    }
  }

  #grow(): void {
    const twice = <Column extends { set(from: Column): void; readonly length: number }>(
      column: Column,
      make: new (length: number) => Column,
    ): Column => {
      const next = new make(2 * column.length)
      next.set(column)
      return next
    }
    this.#ids = twice(this.#ids, Uint32Array)
    this.#parents = twice(this.#parents, Uint32Array)
    this.#service = twice(this.#service, Uint32Array)
    this.#name = twice(this.#name, Uint32Array)
    this.#resource = twice(this.#resource, Uint32Array)
    this.#scope = twice(this.#scope, Uint32Array)
    this.#kind = twice(this.#kind, Int32Array)
    this.#flags = twice(this.#flags, Uint8Array)
    this.#start = twice(this.#start, BigUint64Array)
    this.#duration = twice(this.#duration, BigUint64Array)
    this.#received = twice(this.#received, BigInt64Array)
    this.#copyKey = twice(this.#copyKey, BigUint64Array)
    this.#copies = twice(this.#copies, Uint32Array)
  }
}

const isError = 1
const hasInvalidTimes = 2

function writeId(column: Uint32Array, at: number, id: string): void {
  if (id === '') return
  column[2 * at] = Number.parseInt(id.slice(0, 8), 16)
  column[2 * at + 1] = Number.parseInt(id.slice(8), 16)
}

const digits = (half: number | undefined): string => (half ?? 0).toString(16).padStart(8, '0')

function readId(column: Uint32Array, at: number): string {
  const [high, low] = [column[2 * at], column[2 * at + 1]]
  return high === 0 && low === 0 ? '' : digits(high) + digits(low)
}
