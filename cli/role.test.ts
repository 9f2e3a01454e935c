import { Gauge, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { silentLog } from '../base/log.ts'
import { metricsOf, metricsText } from './role.ts'

test('a figure that cannot be told now ends no process, and leaves the other roles theirs', async () => {
  const well = new Registry()
  well.setDefaultLabels({ role: 'collector' })
  new Gauge({ name: 'a', help: 'a', registers: [well] }).set(1)
  const ill = new Registry()
  let fails = true
  const gauge = new Gauge({
    name: 'b',
    help: 'b',
    registers: [],
    collect() {
      if (fails) throw new Error('memory limit exceeded')
      this.set(2)
    },
  })
  ill.registerMetric(gauge)
  const warned: string[] = []
  const log = { ...silentLog, warn: (_: object, message: string) => warned.push(message) }
  const text = async () => metricsText(await Promise.all([metricsOf(well, log), metricsOf(ill, log)]))
  expect(await text()).toMatch(/^a\{role="collector"\} 1$/m)
  expect(warned).toEqual(['the metrics cannot be told now'])
  fails = false
  expect(await text()).toMatch(/^b 2$/m)
})
