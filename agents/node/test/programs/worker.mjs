import { isMainThread, Worker } from 'node:worker_threads'

if (isMainThread) {
  globalThis.worker = new Worker(new URL(import.meta.url))
  // Without a word of a module's syntax, from no file.
  globalThis.other = new Worker(new URL('data:text/javascript,console.log("from no file")'))
} else await (await fetch(process.env.ASK)).text()
