import { ByteWriter, rewind } from '../../otlp/byte-writer.ts'
import type { StringBytes } from './native/strings.ts'

/** Text that is written before its length is known, then moved into a column. */
export class JsonText {
  private readonly out = new ByteWriter(4096)
  private view = new DataView(this.out.bytes.buffer)

  /** Begins a text; write it into what is returned. */
  begin(): ByteWriter {
    rewind(this.out)
    return this.out
  }

  appendTo(strings: StringBytes): void {
    strings.append(this.written(), 0, this.out.length)
  }

  /** The text's bytes, which begin at 0; `length` of them count. */
  written(): DataView {
    const { bytes } = this.out
    if (bytes.buffer !== this.view.buffer) this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this.view
  }

  get length(): number {
    return this.out.length
  }
}
