import { csv } from './csv.ts'

/** What is listed as a file: exact values, under the names of the API. */
export function Download<Row>(props: {
  name: string
  rows: readonly Row[]
  columns: Readonly<Record<string, (row: Row) => string>>
}) {
  const { name, rows, columns } = props
  const save = (kind: 'csv' | 'json'): void => {
    const text =
      kind === 'json'
        ? `${JSON.stringify(rows, null, 2)}\n`
        : csv([Object.keys(columns), ...rows.map((row) => Object.values(columns).map((of) => of(row)))])
    const url = URL.createObjectURL(new Blob([text], { type: kind === 'json' ? 'application/json' : 'text/csv' }))
    const link = document.createElement('a')
    link.href = url
    link.download = `weft-${name}.${kind}`
    link.click()
    URL.revokeObjectURL(url)
  }
  return (
    <span className="traces-download">
      {(['csv', 'json'] as const).map((kind) => (
        <button
          key={kind}
          type="button"
          className="button button-quiet"
          disabled={rows.length === 0}
          title={`Download the ${rows.length} listed as ${kind.toUpperCase()}`}
          onClick={() => save(kind)}
        >
          {kind.toUpperCase()}
        </button>
      ))}
    </span>
  )
}
