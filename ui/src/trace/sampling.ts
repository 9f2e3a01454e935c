/**
 * How many spans one stands for, itself among them: 1 / the probability with which sampling kept it, 1 where its trace state
 * tells none. The store reckons the same (`adjustedCount` in store/schema/words.ts).
 */
export function adjustedCount(traceState: string): number {
  const [, th] = /(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,\s]|$)/.exec(traceState) ?? []
  return th === undefined ? 1 : 1 / (1 - Number.parseInt(th.padEnd(14, '0'), 16) / 2 ** 56)
}
