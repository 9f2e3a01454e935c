/**
 * A stand-in for PostgreSQL that says the same rows to every statement, in its wire protocol (version 3.0): what is
 * measured is the client, and a real server would take its core away. It takes its time for each as a server over a network
 * does: the argument is the median, ms; log-normal, so that one in a hundred takes three times as long. Tells its port.
 */
import { createServer, type Socket } from 'node:net'

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const int32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff])
const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

const textType = 25
const row = { id: '7', name: 'a red lamp', price: '1299' }
const column = (name: string): Buffer =>
  Buffer.concat([text(name), int32(0), int16(0), int32(textType), int16(-1 & 0xffff), int32(-1), int16(0)])
const cell = (value: string): Buffer => Buffer.concat([int32(value.length), Buffer.from(value)])

const ready = message('Z', Buffer.from('I'))
const welcome = Buffer.concat([message('R', int32(0)), ready])
const described = message('T', int16(3), ...Object.keys(row).map(column))
const rows = 20
const executed = Buffer.concat([
  ...Array.from({ length: rows }, () => message('D', int16(3), ...Object.values(row).map(cell))),
  message('C', text(`SELECT ${rows}`)),
])
const answers: Readonly<Record<string, Buffer>> = {
  P: message('1'),
  B: message('2'),
  D: described,
  E: executed,
  S: ready,
  Q: Buffer.concat([described, executed, ready]),
}

const medianMs = Number(process.argv[2] ?? 0)
const spread = 0.5

/** By Box and Muller. */
const standardNormal = (): number => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())

function serve(socket: Socket): void {
  let waiting: Buffer = Buffer.alloc(0)
  let begun = false
  const answer = (bytes: Buffer): void => void (socket.destroyed || socket.write(bytes))
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    const out: Buffer[] = []
    for (;;) {
      // The first message has no type.
      const head = begun ? 1 : 0
      if (waiting.length < head + 4) break
      const end = head + waiting.readUInt32BE(head)
      if (waiting.length < end) break
      const said = begun ? answers[String.fromCharCode(waiting[0] ?? 0)] : welcome
      begun = true
      if (said !== undefined) out.push(said)
      waiting = waiting.subarray(end)
    }
    if (out.length === 0) return
    const bytes = Buffer.concat(out)
    // A client waits for the answer to one statement before it sends the next: none overtakes another.
    if (medianMs === 0) answer(bytes)
    else setTimeout(answer, medianMs * Math.exp(spread * standardNormal()), bytes)
  })
}

const server = createServer(serve)
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.on('disconnect', () => process.exit())
