import { layFlat } from './columns.ts'
import { rowsFromArrow } from './arrow.ts'

onmessage = (event: MessageEvent<ArrayBuffer>): void => {
  const { head, rows } = rowsFromArrow(event.data)
  const columns = layFlat(rows)
  const buffers = [...Object.values(columns), ...Object.values(columns.critical)].flatMap((column: unknown) =>
    ArrayBuffer.isView(column) && column.buffer instanceof ArrayBuffer ? [column.buffer] : [],
  )
  postMessage({ head, columns }, { transfer: [...new Set(buffers)] })
}
