import { crc32c, Writer } from '@platformatic/kafka'

/** CRC-32C of a batch. The client's own function copies whatever comes in another form than this one. */
export function checksumOf(bytes: Buffer): number {
  return crc32c(Writer.create().append(bytes).dynamicBuffer)
}
