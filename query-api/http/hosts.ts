const loopback: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/**
 * Whether a Host header names this server: localhost, 127.0.0.1, [::1] or one of `allowed`, any port. A web page whose
 * own name was pointed at this machine (DNS rebinding) names itself.
 */
export function hostAllowed(host: string | undefined, allowed: readonly string[]): boolean {
  if (host === undefined) return false
  const match = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d{1,5})?$/i.exec(host)
  const name = match?.[1]?.toLowerCase()
  return name !== undefined && (loopback.includes(name) || allowed.some((other) => other.toLowerCase() === name))
}
