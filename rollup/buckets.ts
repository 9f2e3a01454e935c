// Durations are counted in buckets whose bounds grow by a constant factor, so that a bucket's value is never further from
// a duration in it than a hundredth of that duration, and counts of any two times can be added. (The logarithmic mapping
// of DDSketch: Masson, Rim, Lee, VLDB 2019. ClickHouse's own quantileDD has the same error; its states take four times as
// long to merge as these maps, and nothing else can be read from them.)

/** How far a percentile may be from the exact one, as a part of it. */
export const relativeError = 0.01

const factor = (1 + relativeError) / (1 - relativeError)

/** SQL: the bucket of a duration in ns. 0 counts as 1. */
export const bucketOf = (nanos: string): string => `toUInt16(ceil(log(greatest(${nanos}, 1)) / ${Math.log(factor)}))`

/** SQL, an aggregate over rows of `bucket` and `count`: Map(UInt16, Float64), how many are in which bucket. */
export const countedByBucket = (count: string): string =>
  `CAST(arraySort(groupArrayIf((bucket, ${count}), ${count} > 0)), 'Map(UInt16, Float64)')`

/**
 * SQL: Array(UInt64), the values in ns at some levels of all that was counted; 0 for each where that is nothing. Each is
 * in the bucket of the value that `quantilesExact` takes.
 *
 * @param durations a map as `countedByBucket` makes it, or `sumMap` of such
 * @param measured the sum of its values
 */
export const quantilesAt = (levels: readonly number[], durations: string, measured: string): string =>
  `arrayMap(level -> toUInt64(round(2 * pow(${factor}, mapKeys(${durations})[arrayFirstIndex(
    counted -> counted > level * ${measured}, arrayCumSum(mapValues(${durations})))]) / ${factor + 1})), [${levels.join()}])`
