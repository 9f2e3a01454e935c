/** A copy with twice the room. */
export function grown<Column extends { set(from: Column): void; readonly length: number }>(column: Column): Column {
  const next = new (column.constructor as new (length: number) => Column)(2 * column.length)
  next.set(column)
  return next
}
