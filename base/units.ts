export type Brand<T, B extends string> = T & { readonly __brand: B }

/** Nanoseconds since the Unix epoch, or a length in nanoseconds. */
export type Nanos = Brand<bigint, 'Nanos'>
export type TenantId = Brand<string, 'TenantId'>
export type Signal = 'traces' | 'logs' | 'metrics'

/** The tenant of everything that names none. */
export const defaultTenant = 'default' as TenantId
