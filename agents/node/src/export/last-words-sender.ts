/** Run by `sendLastWords` as a process of its own: sends the requests on its input, and exits with 0 when all were taken. */
import { readFileSync } from 'node:fs'
import type { LastWords } from './last-words.ts'
import { lastPauseMs, lastTries, senderTo } from './sender.ts'

const input = readFileSync(0)
const end = input.indexOf('\n')
const words = JSON.parse(input.subarray(0, end).toString()) as LastWords
const sender = senderTo({
  ...words,
  url: new URL(words.url),
  tls: Object.fromEntries(Object.entries(words.tls).map(([key, pem]) => [key, Buffer.from(pem, 'base64')])),
  timeoutMs: words.withinMs,
})
const until = performance.now() + words.withinMs
let at = end + 1
let lost = 0
let failures = 0
for (const length of words.lengths) {
  const body = input.subarray(at, at + length)
  at += length
  for (;;) {
    const outcome = await sender.send(body, true)
    if (outcome.kind === 'taken') break
    // A receiver that is not there is tried once more, one that says when to come again at that time.
    if (outcome.kind === 'again' && outcome.afterMs === undefined) failures++
    const pauseMs = outcome.kind === 'again' && failures < lastTries ? (outcome.afterMs ?? lastPauseMs) : Infinity
    if (performance.now() + pauseMs >= until) {
      lost++
      break
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
process.exit(lost === 0 ? 0 : 1)
