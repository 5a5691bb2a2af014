/**
 * How well a GLiNER model finds the entities of generated texts; one JSON document on standard output. The demo runs it, in a
 * process of its own for each model.
 *
 *   node tools/find-entities.mjs FOLDER
 */

import { GLiNER, processMemory } from 'hfquant'
import { labelledTexts } from 'hfquant/demo'

/** As many texts as the README of the model was measured with; training has seen none of them. */
const COUNT = 300
const SETS = {
  seen: { seed: 900001, count: COUNT },
  heldOut: { seed: 900002, count: COUNT, from: 'test' },
}

const model = await GLiNER.fromPretrained(process.argv[2])
await model.predictEntities('Mina lives in London.', ['person'])
const result = { f1: {}, texts: 0 }
const begin = performance.now()
for (const [name, options] of Object.entries(SETS)) {
  const examples = labelledTexts(options)
  result.f1[name] = f1Of(examples, await entitiesOf(examples))
  result.texts += examples.length
}
result.textsPerSecond = result.texts / ((performance.now() - begin) / 1000)
result.parameterBytes = model.memoryFootprint()
result.peakRssBytes = processMemory().peakResident
await model.dispose()
console.log(JSON.stringify(result))

function entitiesOf(examples) {
  const labels = examples.map((example) => example.labels)
  return model.batchPredictEntities(
    examples.map(({ text }) => text),
    labels,
  )
}

/** Of exact matches of start, end and label. */
function f1Of(examples, found) {
  const keysOf = (entities) => new Set(entities.map(({ start, end, label }) => `${start} ${end} ${label}`))
  let [hits, sizes] = [0, 0]
  for (const [index, { entities }] of examples.entries()) {
    const [wanted, given] = [keysOf(entities), keysOf(found[index])]
    hits += [...given].filter((key) => wanted.has(key)).length
    sizes += wanted.size + given.size
  }
  return (2 * hits) / sizes
}
