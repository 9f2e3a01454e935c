/**
 * Formats whose chunks can be joined: the engine formats each chunk of a streamed result by itself, so a format with a
 * header, a footer or separators between rows would repeat them. All others are made whole before they are sent.
 */
const streamable: ReadonlySet<string> = new Set([
  'JSONEachRow',
  'JSONLines',
  'NDJSON',
  'JSONCompactEachRow',
  'JSONStringsEachRow',
  'JSONCompactStringsEachRow',
  'TabSeparated',
  'TSV',
  'TabSeparatedRaw',
  'TSVRaw',
  'Raw',
  'CSV',
  'TSKV',
  'LineAsString',
  'RowBinary',
  'Native',
])

export const isStreamable = (format: string): boolean => streamable.has(format)

const contentTypes: readonly (readonly [RegExp, string])[] = [
  [
    /^(JSON|PrettyJSON)(Strings|Compact|CompactStrings|ColumnsWithMetadata|Columns|CompactColumns)?$/,
    'application/json',
  ],
  [/EachRow|^JSONLines$|^NDJSON$/, 'application/x-ndjson'],
  [/^(TabSeparated|TSV|Raw|TSKV)/, 'text/tab-separated-values'],
  [/^CSVWithNames/, 'text/csv; header=present'],
  [/^CSV/, 'text/csv; header=absent'],
  [/^XML$/, 'application/xml'],
  [/^(Pretty|Vertical|Values|Markdown|LineAs|SQLInsert)/, 'text/plain'],
]

/** The Content-Type of a result. */
export function contentTypeOf(format: string): string {
  const known = contentTypes.find(([names]) => names.test(format))?.[1]
  return known ? `${known}; charset=UTF-8` : 'application/octet-stream'
}
