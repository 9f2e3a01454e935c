import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { istioMade } from './istio.ts'

const read = (name: string) => readFileSync(new URL(`../../deploy/mesh/istio/${name}`, import.meta.url), 'utf8')

test('what Istio was asked to make is made of the files as they are: if not, run main.go', () => {
  expect(istioMade().from).toEqual({
    'mesh-config.yaml': parse(read('mesh-config.yaml')) as unknown,
    'telemetry.yaml': parseAllDocuments(read('telemetry.yaml')).map((document) => document.toJS() as unknown),
  })
})
