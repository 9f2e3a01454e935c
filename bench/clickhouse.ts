/** One statement over ClickHouse's HTTP interface; rows as arrays of strings. With a secret as the user `weft`. */
export async function ask(
  url: string,
  sql: string,
  options: { readonly secret?: string; readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<readonly string[][]> {
  const target = new URL(url)
  for (const [name, value] of Object.entries(options.settings ?? {})) target.searchParams.set(name, value)
  const response = await fetch(target, {
    method: 'POST',
    body: sql,
    headers: options.secret === undefined ? {} : { authorization: `Basic ${btoa(`weft:${options.secret}`)}` },
  })
  const text = await response.text()
  if (!response.ok || text.includes('\nCode: ')) throw new Error(`${sql.slice(0, 200)}: ${text.slice(0, 600)}`)
  return text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => line.split('\t'))
}

/** The one number that a statement gives. */
export async function askNumber(url: string, sql: string, options: Parameters<typeof ask>[2] = {}): Promise<number> {
  return Number((await ask(url, sql, options))[0]?.[0])
}
