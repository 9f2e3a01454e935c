/**
 * Loaded before a role (`node --import`), it sets the wall clock wrong by WEFT_TEST_SKEW_MS; the monotonic clock stays
 * true. SIGUSR2 sets it right, and wrong again: a jump while the process works.
 */
const RealDate = Date
const skewMs = Number(process.env['WEFT_TEST_SKEW_MS'] ?? 0)
let isWrong = true
const now = () => RealDate.now() + (isWrong ? skewMs : 0)

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as object,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
})
process.on('SIGUSR2', () => {
  isWrong = !isWrong
})
