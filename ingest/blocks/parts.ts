import { ByteWriter, rewind, writeBytes } from '../../otlp/byte-writer.ts'
import { checkWholeFields } from '../../otlp/wire.ts'

/** Bytes and a view of the same: what dictionaries compare with. */
export interface Viewed {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export function viewed(text: string): Viewed {
  const bytes = new TextEncoder().encode(text)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
}

/**
 * A singular message or string field of the message being read, whose place on the wire is free and which may occur more
 * than once: encoded messages merge by being one after another (protobuf.dev, "Last One Wins").
 */
export class Part {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  start = 0
  end = 0
  private times = 0
  private readonly merged = new ByteWriter(16)
  private mergedView: DataView = new DataView(this.merged.bytes.buffer)

  clear(): void {
    this.times = this.start = this.end = 0
  }

  /** The field occurs: the last one counts. */
  set(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    this.bytes = bytes
    this.view = view
    this.start = start
    this.end = end
  }

  /** The field occurs: all of them count. */
  merge(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    if (this.times++ === 0) {
      this.set(bytes, view, start, end)
      return
    }
    const { merged } = this
    checkWholeFields(bytes, start, end)
    if (this.times === 2) {
      checkWholeFields(this.bytes, this.start, this.end)
      rewind(merged)
      writeBytes(merged, this.bytes, this.start, this.end)
    }
    writeBytes(merged, bytes, start, end)
    const { bytes: all } = merged
    if (all.buffer !== this.mergedView.buffer) this.mergedView = new DataView(all.buffer, all.byteOffset)
    this.set(all, this.mergedView, 0, merged.length)
  }
}
