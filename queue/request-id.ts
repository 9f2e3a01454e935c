import xxhash from 'xxhash-wasm'
import type { TenantId } from '../base/units.ts'

// A one-shot hash would copy the whole body into WebAssembly memory, which never shrinks: 20 MiB for good, and each
// body's copy out of the cache. In pieces the memory stays at one piece and the copy stays in the second-level cache.
const pieceBytes = 64 * 1024

/** 64-bit hash (unsigned) of tenant and body: XXH64 of the body, seeded with the XXH64 of the tenant. */
export type RequestIdOf = (tenant: TenantId, body: Uint8Array) => bigint

export async function loadRequestIdOf(): Promise<RequestIdOf> {
  const xx = await xxhash()
  const seeds = new Map<TenantId, bigint>()
  return (tenant, body) => {
    let seed = seeds.get(tenant)
    if (seed === undefined) {
      seed = xx.h64(tenant)
      if (seeds.size < 10_000) seeds.set(tenant, seed)
    }
    if (body.length <= pieceBytes) return xx.h64Raw(body, seed)
    const hash = xx.create64(seed)
    for (let at = 0; at < body.length; at += pieceBytes) hash.update(body.subarray(at, at + pieceBytes))
    return hash.digest()
  }
}
