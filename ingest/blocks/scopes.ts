import { appendAttributesJson, appendJsonString } from '../../otlp/any-json.ts'
import { writeAscii, writeByte } from '../../otlp/byte-writer.ts'
import { instrumentationScopeTag } from '../../otlp/fields.ts'
import { Cursor, readLength, readTag, readVarint, skipField } from '../../otlp/wire.ts'
import { JsonText } from './json-text.ts'
import type { Part } from './parts.ts'
import type { SpansTable } from './spans-table.ts'

/** Messages above an InstrumentationScope. */
const scopeLevel = 3

/** Reads InstrumentationScope = { name, version, attributes*, dropped attributes } into the columns of its spans. */
export class ScopeReader {
  private readonly table: SpansTable
  private readonly json = new JsonText()
  constructor(table: SpansTable) {
    this.table = table
  }

  /** Gives the rows [from, to) this scope; reads it whether or not there are rows. */
  read(scope: Part, schemaUrl: Part, from: number, to: number): void {
    const { bytes, view, start, end } = scope
    const c = new Cursor(bytes, start, end)
    let name = 0
    let nameEnd = 0
    let version = 0
    let versionEnd = 0
    let attributes = false
    let dropped = 0
    while (c.pos < end) {
      const tag = readTag(c)
      switch (tag) {
        case instrumentationScopeTag.name:
          nameEnd = readLength(c) + c.pos
          name = c.pos
          c.pos = nameEnd
          break
        case instrumentationScopeTag.version:
          versionEnd = readLength(c) + c.pos
          version = c.pos
          c.pos = versionEnd
          break
        case instrumentationScopeTag.attributes:
          c.pos = readLength(c) + c.pos
          attributes = true
          break
        case instrumentationScopeTag.droppedAttributesCount:
          dropped = readVarint(c)
          break
        default:
          skipField(c, tag, scopeLevel)
      }
    }
    const rest = this.rest(scope, attributes, dropped, schemaUrl)
    if (from === to) return
    const { scopeName, scopeVersion, scopeRest } = this.table
    scopeName.ids.fill(scopeName.dictionary.find(view, name, nameEnd), from, to)
    scopeVersion.ids.fill(scopeVersion.dictionary.find(view, version, versionEnd), from, to)
    scopeRest.ids.fill(scopeRest.dictionary.find(this.json.written(), 0, rest), from, to)
  }

  // Length of the text; what is absent is left out.
  private rest(scope: Part, attributes: boolean, dropped: number, schemaUrl: Part): number {
    const out = this.json.begin()
    const hasUrl = schemaUrl.end > schemaUrl.start
    if (!attributes && dropped === 0 && !hasUrl) return 0
    writeByte(out, 0x7b)
    if (attributes) {
      writeAscii(out, '"attributes":')
      appendAttributesJson(out, scope.bytes, scope.start, scope.end, instrumentationScopeTag.attributes, 1)
    }
    if (dropped > 0) writeAscii(out, `${attributes ? ',' : ''}"droppedAttributesCount":${dropped}`)
    if (hasUrl) {
      writeAscii(out, attributes || dropped > 0 ? ',"schemaUrl":' : '"schemaUrl":')
      appendJsonString(out, schemaUrl.bytes, schemaUrl.start, schemaUrl.end)
    }
    writeByte(out, 0x7d)
    return out.length
  }
}
