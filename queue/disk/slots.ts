import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { decodeSlot, encodeSlot, type Slot } from './format.ts'

const writeAt = promisify(write)
const syncData = promisify(fdatasync)

/**
 * A small file of two slots that are written in turn: whatever happens in the middle of a write, the other slot still
 * holds what was there before.
 */
export class SlotFile {
  readonly #fd: number
  readonly #slotBytes: number
  readonly #buffer: Buffer
  #open = true

  private constructor(fd: number, slotBytes: number) {
    this.#fd = fd
    this.#slotBytes = slotBytes
    this.#buffer = Buffer.alloc(2 * slotBytes)
  }

  /** @returns undefined when there is no such file and `create` is false; throws what the file system says. */
  static open(path: string, slotBytes: number, create: boolean): SlotFile | undefined {
    try {
      return new SlotFile(openSync(path, create ? constants.O_RDWR | constants.O_CREAT : 'r+', 0o644), slotBytes)
    } catch (error) {
      if (!create && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Tells the file from another that took its name. */
  get inode(): number {
    return fstatSync(this.#fd).ino
  }

  /** The newest whole slot. Read synchronously: it is in the page cache, and costs less than a trip to another thread. */
  read(): Slot | undefined {
    if (!this.#open) return undefined
    const length = readSync(this.#fd, this.#buffer, 0, 2 * this.#slotBytes, 0)
    const first = decodeSlot(this.#buffer.subarray(0, Math.min(length, this.#slotBytes)))
    const second = decodeSlot(this.#buffer.subarray(this.#slotBytes, Math.max(length, this.#slotBytes)))
    if (!first || !second) return first ?? second
    return first.sequence > second.sequence ? first : second
  }

  /** Writes the slot's turn (by its sequence number); durable once settled if `durable`. */
  async write(slot: Slot, durable: boolean): Promise<void> {
    const bytes = encodeSlot(slot, this.#slotBytes)
    const at = Number(slot.sequence % 2n) * this.#slotBytes
    const { bytesWritten } = await writeAt(this.#fd, bytes, 0, bytes.length, at)
    if (bytesWritten !== bytes.length) throw new Error(`wrote ${bytesWritten} of ${bytes.length} bytes`)
    if (durable) await syncData(this.#fd)
  }

  /** Gives both slots their place on disk, so that writing them later needs no room. */
  async reserve(): Promise<void> {
    if (fstatSync(this.#fd).size >= 2 * this.#slotBytes) return
    await writeAt(this.#fd, Buffer.alloc(2 * this.#slotBytes), 0, 2 * this.#slotBytes, 0)
    await syncData(this.#fd)
  }

  close(): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}
