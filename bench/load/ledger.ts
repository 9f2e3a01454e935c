import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

/**
 * A file of keys, one a line, of spans that a server has acknowledged: what must be stored exactly once, whatever was
 * killed in between. On disk itself after every 100 keys and at the end.
 */
export class Ledger {
  readonly #file: number
  #unsynced = 0

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  append(keys: readonly string[]): void {
    if (keys.length === 0) return
    writeSync(this.#file, `${keys.join('\n')}\n`)
    this.#unsynced += keys.length
    if (this.#unsynced < 100) return
    fsyncSync(this.#file)
    this.#unsynced = 0
  }

  close(): void {
    fsyncSync(this.#file)
    closeSync(this.#file)
  }
}
