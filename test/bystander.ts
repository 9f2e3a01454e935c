/**
 * Run as a process of its own: sends small requests from another address of this machine, one after the other, until
 * its stdin ends; then it prints how each was answered, and the longest time in ms. (Within the process of a flood it would
 * wait for that instead of for the server.)
 */
import { setTimeout as pause } from 'node:timers/promises'
import { postLarge } from './flood.ts'
import { encode, messageOf, spanOf } from './requests.ts'

const url = process.argv[2] ?? ''
const state = { ended: false }
process.stdin.on('end', () => (state.ended = true)).resume()
const times: number[] = []
const statuses: number[] = []
while (!state.ended) {
  const body = encode(messageOf('bystander', [spanOf({})]))
  const begun = performance.now()
  statuses.push((await postLarge(url, body, '127.0.0.2')).status)
  times.push(performance.now() - begun)
  await pause(100)
}
process.stdout.write(JSON.stringify({ statuses, longestMs: Math.round(Math.max(...times)) }))
