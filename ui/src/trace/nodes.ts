import { colourIndex } from '../colour/service.ts'
import { flag, placeOf, readId, type Columns } from './columns.ts'

/** The nodes of a trace, made one by one as they are looked at: as objects those of a million spans take 200 MB. */
export class Nodes {
  readonly columns: Columns
  readonly #colours: readonly number[]

  constructor(columns: Columns) {
    this.columns = columns
    const known = new Map<string, number>()
    this.#colours = columns.operations.map(([service]) => {
      let colour = known.get(service)
      if (colour === undefined) known.set(service, (colour = colourIndex(service)))
      return colour
    })
  }

  get length(): number {
    return this.columns.count
  }

  /** Undefined for places that are none. */
  at(index: number): Node | undefined {
    return index >= 0 && index < this.columns.count ? new Node(this, index) : undefined
  }

  /** The node of a span, or of what it is folded into; -1 where it is not there. */
  indexOf(id: string): number {
    const { columns } = this
    const place = placeOf(columns, id)
    if (place < columns.count) return place
    const { held } = columns
    let [low, high] = [0, columns.count - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((held?.[middle] ?? 0) <= place) low = middle
      else high = middle - 1
    }
    return low
  }

  *[Symbol.iterator](): Generator<Node, void, void> {
    for (let index = 0; index < this.columns.count; index++) yield new Node(this, index)
  }

  /** Ids of the nodes for which something holds. */
  *ids(holds: (node: Node) => boolean): Generator<string, void, void> {
    for (const node of this) if (holds(node)) yield node.id
  }

  /** Of an operation. */
  colour(operation: number): number {
    return this.#colours[operation] ?? -1
  }
}

/** A span, or a parent that has not arrived: a view of its columns. Times are nanoseconds after the trace's start. */
export class Node {
  readonly #nodes: Nodes
  readonly index: number

  constructor(nodes: Nodes, index: number) {
    this.#nodes = nodes
    this.index = index
  }

  get #columns(): Columns {
    return this.#nodes.columns
  }
  #has(bit: number): boolean {
    return ((this.#columns.flags[this.index] ?? 0) & bit) !== 0
  }
  get id(): string {
    return readId(this.#columns.ids, this.index)
  }
  /** Place of the span in the answer, -1 for none. */
  get row(): number {
    return this.#columns.row[this.index] ?? -1
  }
  /** It stands for a parent that has not arrived. */
  get isGhost(): boolean {
    return this.#has(flag.ghost)
  }
  get operation(): number {
    return this.#columns.operation[this.index] ?? -1
  }
  get service(): string {
    return this.#columns.operations[this.operation]?.[0] ?? ''
  }
  get name(): string {
    return this.#columns.operations[this.operation]?.[1] ?? ''
  }
  get kind(): number {
    return this.#columns.kind[this.index] ?? 0
  }
  get colour(): number {
    return this.#nodes.colour(this.operation)
  }
  get parent(): number {
    return this.#columns.parent[this.index] ?? -1
  }
  get depth(): number {
    return this.#columns.depth[this.index] ?? 0
  }
  /** First node after this one's subtree. */
  get end(): number {
    return this.#columns.end[this.index] ?? this.index + 1
  }
  get children(): number {
    return this.#columns.children[this.index] ?? 0
  }
  /** Which of its siblings it is, from 1. */
  get place(): number {
    return this.#columns.place[this.index] ?? 1
  }
  get siblings(): number {
    return this.#columns.siblings[this.index] ?? 1
  }
  get start(): number {
    return this.#columns.start[this.index] ?? 0
  }
  get stop(): number {
    return this.start + this.duration
  }
  get duration(): number {
    return this.#columns.duration[this.index] ?? 0
  }
  get self(): number {
    return this.#columns.self[this.index] ?? 0
  }
  /** Its own status is ERROR. */
  get error(): boolean {
    return this.#has(flag.error)
  }
  /** It, or what is folded into it. */
  get failed(): boolean {
    return this.#has(flag.failed)
  }
  get invalidTimes(): boolean {
    return this.#has(flag.invalidTimes)
  }
  get missingParent(): boolean {
    return this.#has(flag.missingParent)
  }
  /** Its chain of parents leads back to it. */
  get cyclic(): boolean {
    return this.#has(flag.cyclic)
  }
  get onCriticalPath(): boolean {
    const { first } = this.#columns.critical
    return (first[this.index + 1] ?? 0) > (first[this.index] ?? 0)
  }
  /** What the duration of the trace hangs on it for. */
  get critical(): number {
    const { first, from, to } = this.#columns.critical
    let sum = 0
    for (let at = first[this.index] ?? 0; at < (first[this.index + 1] ?? 0); at++)
      sum += (to[at] ?? 0) - (from[at] ?? 0)
    return sum
  }
  /** Estimated difference of its clock to its parent's; 0 where none was found. */
  get skew(): number {
    return this.#columns.skew?.[this.index] ?? 0
  }
  /** What was added to its times as sent. */
  get shift(): number {
    return this.#columns.shift?.[this.index] ?? 0
  }
  get copies(): number {
    return this.#columns.copies?.[this.index] ?? 1
  }
  /** Proxies' spans that are folded into it, by start; of them only what is no matter of a tree is told. */
  get held(): readonly Node[] {
    const { held } = this.#columns
    const [from, to] = [held?.[this.index] ?? 0, held?.[this.index + 1] ?? 0]
    return from === to ? none : Array.from({ length: to - from }, (_, at) => new Node(this.#nodes, from + at))
  }
}

const none: readonly Node[] = []
