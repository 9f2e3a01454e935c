import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { numbered, readAll } from '../contract.suite.ts'
import { commitSlotBytes, fileNames, recordHeaderBytes, segmentHeaderBytes } from './format.ts'
import { DiskLogBench, never } from './testing.ts'

let bench: DiskLogBench
beforeEach(() => {
  bench = new DiskLogBench()
})
afterEach(() => bench.destroy())

const tenantBytes = (i: number) => Buffer.byteLength(numbered(i).tenant)
const numberOf = (body: Uint8Array) => Buffer.from(body).readUInt32LE()

/** A log of the records 0 to 2, of which the last was written but never acknowledged when the machine stopped. */
async function unacknowledged(): Promise<{ readonly segment: string; readonly bytes: Buffer; readonly last: number }> {
  const writer = await bench.writer()
  await writer.append([numbered(0), numbered(1)], never)
  await writer.close(never)
  const [segment] = bench.segments as [string]
  const last = readFileSync(segment).length
  const end = join(bench.folder, fileNames.end)
  copyFileSync(end, `${end}.before`)
  const again = await bench.writer()
  await again.append([numbered(2)], never)
  await again.close(never)
  copyFileSync(`${end}.before`, end)
  return { segment, bytes: readFileSync(segment), last }
}

test('a tail torn at any byte of the last record is cut, and writing goes on', async () => {
  const { segment, bytes, last } = await unacknowledged()
  const end = join(bench.folder, fileNames.end)
  for (let cut = last; cut <= bytes.length; cut++) {
    writeFileSync(segment, bytes.subarray(0, cut))
    copyFileSync(`${end}.before`, end)
    bench.lines.length = 0
    const writer = await bench.writer()
    await writer.append([numbered(3)], never)
    await writer.close(never)
    const whole = cut === bytes.length
    const read = await bench.readAll(whole ? 4 : 3)
    expect(read.map(({ body }) => numberOf(body))).toEqual(whole ? [0, 1, 2, 3] : [0, 1, 3])
    expect(read.map(({ offset }) => offset)).toEqual(whole ? [0n, 1n, 2n, 3n] : [0n, 1n, 2n])
    const said = bench.lines.some(({ message }) => message.includes('torn tail'))
    expect(said).toBe(cut > last && !whole)
  }
})

test('a tail of which pages never reached the disk is cut as well', async () => {
  const { segment, bytes, last } = await unacknowledged()
  const end = join(bench.folder, fileNames.end)
  for (let hole = last; hole < bytes.length; hole++) {
    const torn = Buffer.from(bytes)
    // Every byte from here to the page's end is zero; where it was zero anyway nothing is lost.
    torn.fill(0, hole, Math.min(hole + 16, bytes.length))
    writeFileSync(segment, torn)
    copyFileSync(`${end}.before`, end)
    const writer = await bench.writer()
    await writer.append([numbered(3)], never)
    await writer.close(never)
    const whole = torn.equals(bytes)
    expect((await bench.readAll(whole ? 4 : 3)).map(({ body }) => numberOf(body))).toEqual(
      whole ? [0, 1, 2, 3] : [0, 1, 3],
    )
  }
})

test('a flipped bit anywhere in a record loses that record only, loudly', async () => {
  const writer = await bench.writer()
  await writer.append(
    [0, 1, 2, 3].map((i) => numbered(i)),
    never,
  )
  await writer.close(never)
  const [segment] = bench.segments as [string]
  const bytes = readFileSync(segment)
  const begin = segmentHeaderBytes + recordHeaderBytes + tenantBytes(0) + 20
  const after = begin + recordHeaderBytes + tenantBytes(1) + 20
  for (let at = begin; at < after; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
    writeFileSync(segment, flipped)
    bench.lines.length = 0
    const read = await bench.readAll(3)
    expect(read.map(({ body, offset }) => [numberOf(body), offset])).toEqual([
      [0, 0n],
      [2, 2n],
      [3, 3n],
    ])
    expect(await bench.metric('weft_queue_damaged_records_total')).toBe(1)
    expect(await bench.metric('weft_queue_damaged_items_total')).toBe(numbered(1).itemCount)
    expect(bench.lines.filter(({ level }) => level === 'error').length).toBe(2)
    expect(existsSync(join(bench.folder, fileNames.damaged, '00000000000000000000.segment'))).toBe(true)
  }
})

test('acknowledged records that are gone from the end are reported, and their offsets never given out again', async () => {
  const writer = await bench.writer()
  await writer.append(
    [0, 1, 2].map((i) => numbered(i)),
    never,
  )
  await writer.close(never)
  const [segment] = bench.segments as [string]
  truncateSync(segment, readFileSync(segment).length - 1)
  const again = await bench.writer()
  expect(bench.lines).toContainEqual({
    level: 'error',
    message: 'acknowledged records are missing at the end of the disk log',
  })
  await again.append([numbered(3)], never)
  const { reader, assignment } = await bench.reader()
  const read = await readAll(assignment, 0n, 3)
  expect(read.map(({ body, offset }) => [numberOf(body), offset])).toEqual([
    [0, 0n],
    [1, 1n],
    [3, 3n],
  ])
  expect(await bench.metric('weft_queue_damaged_records_total')).toBe(1)
  await assignment.commit(4n, '')
  expect((await reader.lag())[0]).toMatchObject({ records: 0n, items: 0n, bytes: 0 })
})

test('a damaged segment header does not hide its records', async () => {
  const writer = await bench.writer({ segmentBytes: 200 })
  for (let i = 0; i < 6; i++) await writer.append([numbered(i)], never)
  await writer.close(never)
  expect(bench.segments.length).toBe(6)
  for (const segment of [bench.segments[2] as string, bench.segments[5] as string]) {
    const bytes = readFileSync(segment)
    bytes[40] = 255
    writeFileSync(segment, bytes)
  }
  const again = await bench.writer()
  await again.append([numbered(6)], never)
  expect((await bench.readAll(7)).map(({ body }) => numberOf(body))).toEqual([0, 1, 2, 3, 4, 5, 6])
})

test('a lost segment is reported and skipped', async () => {
  const writer = await bench.writer({ segmentBytes: 200 })
  for (let i = 0; i < 4; i++) await writer.append([numbered(i)], never)
  const lost = bench.segments[1] as string
  writeFileSync(lost, '')
  expect((await bench.readAll(3)).map(({ body }) => numberOf(body))).toEqual([0, 2, 3])
  expect(await bench.metric('weft_queue_damaged_records_total')).toBe(1)
})

test('a commit that was half written leaves the one before it', async () => {
  const writer = await bench.writer()
  await writer.append([numbered(0), numbered(1)], never)
  const { reader, assignment } = await bench.reader()
  await readAll(assignment, 0n, 2)
  await assignment.commit(1n, 'first')
  await assignment.commit(2n, 'second')
  await reader.close(never)
  const commit = join(bench.folder, fileNames.commit)
  const bytes = readFileSync(commit)
  bytes[50] = (bytes[50] as number) ^ 1
  writeFileSync(commit, bytes)
  const { assignment: again } = await bench.reader()
  expect(bytes.length).toBe(2 * commitSlotBytes)
  expect(again.committed).toEqual({ next: 1n, note: 'first' })
})

test('without the end file the log is found whole', async () => {
  const writer = await bench.writer({ segmentBytes: 300 })
  for (let i = 0; i < 6; i++) await writer.append([numbered(i)], never)
  await writer.close(never)
  writeFileSync(join(bench.folder, fileNames.end), '')
  const again = await bench.writer({ segmentBytes: 300 })
  await again.append([numbered(6)], never)
  expect((await bench.readAll(7)).map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n])
})

test('a log of another format version is refused, not touched', async () => {
  const writer = await bench.writer()
  await writer.append([numbered(0)], never)
  await writer.close(never)
  const { decodeSegmentHeader, checksum } = await import('./format.ts')
  const [segment] = bench.segments as [string]
  const bytes = readFileSync(segment)
  bytes.writeUInt32LE(2, 12)
  bytes.writeBigUInt64LE(checksum(bytes.subarray(8, segmentHeaderBytes)), 0)
  expect(decodeSegmentHeader(bytes)).toEqual({ version: 2 })
  writeFileSync(segment, bytes)
  await expect(bench.writer()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  expect(readFileSync(segment)).toEqual(bytes)
})
