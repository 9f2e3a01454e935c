import { grown } from './grown.ts'
import { firstOf, notThere, type Joined, type SkeletonSpan } from './skeleton.ts'

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

/**
 * Ids may differ in any of their bits alone, and the last ones choose the slot: murmur3's mixing brings all down to these. The
 * seed is another each time, so that nobody can send ids that all want the same slot.
 */
function hashOf(high: number, low: number, seed: number): number {
  let hash = Math.imul(high ^ seed, 0x9e3779b1) ^ (low + seed)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Rows by their ids, with open addressing: a map of a million texts takes ten times as much, and a second to fill. */
class RowsById {
  readonly #ids: Uint32Array
  /** Places plus 1. */
  readonly #slots: Int32Array
  readonly #seed = Math.floor(Math.random() * 2 ** 32)
  constructor(ids: Uint32Array, many: number) {
    this.#ids = ids
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * many + 2)))
  }
  /** The row that was put first with the id of this one: itself where none was. */
  put(at: number): number {
    const slot = this.#slot(this.#ids, at)
    const known = this.#slots[slot] ?? 0
    if (known > 0) return known - 1
    this.#slots[slot] = at + 1
    return at
  }
  /** That with the id that stands at a place of a column of ids; -1 for none. */
  find(ids: Uint32Array, at: number): number {
    return (this.#slots[this.#slot(ids, at)] ?? 0) - 1
  }
  #slot(ids: Uint32Array, at: number): number {
    const [high, low] = [ids[2 * at] ?? 0, ids[2 * at + 1] ?? 0]
    const mask = this.#slots.length - 1
    let slot = hashOf(high, low, this.#seed) & mask
    for (let known = this.#slots[slot] ?? 0; known > 0; known = this.#slots[slot] ?? 0) {
      if (this.#ids[2 * known - 2] === high && this.#ids[2 * known - 1] === low) break
      slot = (slot + 1) & mask
    }
    return slot
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

  /** All rows in the order in which they were added, each a view of its columns. */
  *[Symbol.iterator](): Generator<SkeletonSpan, void, void> {
    for (let at = 0; at < this.#length; at++) yield new SkeletonTable.#Row(this, at)
  }

  /** What `joined` says of these rows, which must have been added by start; with numbers in place of texts. */
  joined(): Joined {
    const many = this.#length
    const byId = new RowsById(this.#ids, many)
    const row = (at: number) => new SkeletonTable.#Row(this, at)
    // Of each id the row that came first, by place of its first row; and whether a row is one of these.
    const kept = new Int32Array(many)
    const isKept = new Uint8Array(many)
    for (let at = 0; at < many; at++) {
      const known = byId.put(at)
      const before = known === at ? at : (kept[known] ?? at)
      const first = known === at || firstOf(row(before), row(at)).place === at ? at : before
      isKept[before] = 0
      isKept[first] = 1
      kept[known] = first
    }
    const spans: SkeletonSpan[] = []
    const index = new Int32Array(many)
    for (let at = 0; at < many; at++) if (isKept[at] === 1) index[at] = spans.push(row(at)) - 1
    const parents = new Int32Array(spans.length).fill(-1)
    for (let at = 0; at < many; at++) {
      if (isKept[at] !== 1 || (this.#parents[2 * at] === 0 && this.#parents[2 * at + 1] === 0)) continue
      const up = byId.find(this.#parents, at)
      parents[index[at] ?? 0] = up < 0 ? notThere : (index[kept[up] ?? 0] ?? notThere)
    }
    return { spans, parents }
  }

  static readonly #Row = class implements SkeletonSpan {
    readonly #of: SkeletonTable
    readonly #at: number
    constructor(of: SkeletonTable, at: number) {
      this.#of = of
      this.#at = at
    }
    get place(): number {
      return this.#at
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
    this.#ids = grown(this.#ids)
    this.#parents = grown(this.#parents)
    this.#service = grown(this.#service)
    this.#name = grown(this.#name)
    this.#resource = grown(this.#resource)
    this.#scope = grown(this.#scope)
    this.#kind = grown(this.#kind)
    this.#flags = grown(this.#flags)
    this.#start = grown(this.#start)
    this.#duration = grown(this.#duration)
    this.#received = grown(this.#received)
    this.#copyKey = grown(this.#copyKey)
    this.#copies = grown(this.#copies)
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
