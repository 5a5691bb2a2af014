/**
 * Quantizes the bundled model with every recipe, reloads each result without saying that it is quantized, compares
 * them with the float model, and lets one tell a story. Then finds entities with the bundled GLiNER, in float and in int8.
 *
 *   node tools/demo.mjs          after `pnpm install` and `pnpm build`; `npm run demo` does all three
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recipeNames } from 'hfquant'
import { demoGliner, demoModel } from 'hfquant/demo'

/** A fifth of what `hfquant eval` takes by default: enough to tell the recipes apart, and soon done. */
const STORIES = 40

/** A quarter of the default, too: recipes that calibrate get most of their gain from the first few texts. */
const SAMPLES = 32
const PROMPT = 'One morning a girl named Mina'

/** The same model, trained some hundred steps more with the arithmetic of one recipe; see train-qat.py beside the model. */
const trainedFor = 'int8-dynamic-act-int4-weight'
const trainedModel = join(dirname(demoModel), 'demo-model-qat')

const LETTER = 'Ada Lovelace wrote to Charles Babbage of Cambridge University on 5 June 1833.'
const LABELS = 'person,organisation,date'

/** What node_modules/.bin/hfquant starts, on every system. */
const TOOLS = dirname(fileURLToPath(import.meta.url))
const COMMAND = join(TOOLS, '..', 'apps', 'cli', 'bin', 'hfquant.js')

const HEADINGS = ['variant', 'on disk', 'bits/weight', 'loss', 'perplexity', 'KL', 'tokens/s', 'memory']

const folder = mkdtempSync(join(tmpdir(), 'hfquant-demo-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** The command that runs at the moment: it does not outlive this process. */
let running
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => running?.kill(signal))

const calibrates = (recipe) => /^(gptq|awq)-/.test(recipe)

async function demo() {
  const recipes = await recipeNames()
  console.log(`The demo model writes children's stories. It is quantized with ${recipes.length} recipes:\n`)
  for (const recipe of recipes) {
    const { quantized, bytesBefore, bytesAfter, seconds } = await hfquantJson([
      ...['quantize', demoModel, join(folder, recipe), '--recipe', recipe, '--json'],
      ...(calibrates(recipe) ? ['--samples', String(SAMPLES)] : []),
    ])
    const sizes = `${megabytes(bytesBefore)} → ${megabytes(bytesAfter)}`
    console.log(`  ${recipe}: ${quantized.length} layers, ${sizes}, ${seconds.toFixed(1)} s`)
  }

  console.log(
    `\nEach folder is loaded again, by its path alone, and reads ${STORIES} stories that no model has seen …\n`,
  )
  const aware = join(folder, 'aware')
  await hfquantJson(['quantize', trainedModel, aware, '--recipe', trainedFor, '--json'])
  const models = [demoModel, ...recipes.map((recipe) => join(folder, recipe)), aware]
  const { rows, tokens } = await hfquantJson(['eval', ...models, '--stories', String(STORIES), '--json'])
  const variants = ['float (bfloat16)', ...recipes, `${trainedFor} (QAT)`]
  printTable([HEADINGS, ...rows.map((row, index) => [variants[index], ...cells(row)])])
  console.log(`
loss and perplexity over ${tokens} predicted tokens; KL: mean divergence per token from the float model, in nats;
recipes of gptq and awq calibrate on ${SAMPLES} texts here, on 128 by default; QAT: the model was trained for this recipe before; tokens/s: greedy decoding; memory: the peak of a process that loads and evaluates this one model`)

  const teller = 'nf4'
  console.log(`\nA story by ${teller}:\n`)
  process.stdout.write(PROMPT)
  await hfquant(['generate', join(folder, teller), PROMPT, '--max-new-tokens', '200'], 'inherit')
  await findEntities()
}

/** A second bundled model, which finds entities of labels that it is told. */
async function findEntities() {
  console.log('\nA GLiNER model finds people, places, dates and the like in generated texts:\n')
  const int8 = join(folder, 'gliner-int8')
  const { bytesBefore, bytesAfter } = await hfquantJson([
    ...['quantize', demoGliner, int8, '--recipe', 'int8-weight-only', '--json'],
  ])
  const rows = []
  for (const [variant, model, bytes] of [
    ['float (bfloat16)', demoGliner, bytesBefore],
    ['int8-weight-only', int8, bytesAfter],
  ]) {
    const { f1, textsPerSecond, peakRssBytes } = JSON.parse(
      await run(join(TOOLS, 'find-entities.mjs'), [model]),
    )
    const scores = [f1.seen, f1.heldOut].map((score) => score.toFixed(4))
    rows.push([variant, megabytes(bytes), ...scores, textsPerSecond.toFixed(0), megabytes(peakRssBytes)])
  }
  printTable([['variant', 'on disk', 'F1', 'F1, new names', 'texts/s', 'memory'], ...rows])
  console.log(`\n${LETTER}\n`)
  await hfquant(['entities', int8, LETTER, '--labels', LABELS], 'inherit')
}

function cells({ bytesOnDisk, bitsPerWeight, loss, perplexity, kl, tokensPerSecond, peakRssBytes }) {
  const numbers = [bitsPerWeight.toFixed(2), loss.toFixed(4), perplexity.toFixed(4), kl.toFixed(6)]
  return [megabytes(bytesOnDisk), ...numbers, tokensPerSecond.toFixed(0), megabytes(peakRssBytes)]
}

function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    const line = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
    )
    console.log(`  ${line.join('  ')}`)
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

async function hfquantJson(args) {
  return JSON.parse(await hfquant(args, 'pipe'))
}

const hfquant = (args, stdout) => run(COMMAND, args, stdout)

/** Runs a program; its standard output is returned, or shown as it comes. What it logs is shown if it fails. */
function run(program, args, stdout = 'pipe') {
  return new Promise((resolve) => {
    // What it compiles goes with the folder, instead of staying in the user's cache.
    const env = { ...process.env, HFQUANT_CACHE: join(folder, 'cache') }
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', stdout, 'pipe'], env })
    running = child
    const output = []
    const log = []
    child.stdout?.on('data', (bytes) => output.push(bytes))
    child.stderr.on('data', (bytes) => log.push(bytes))
    child.on('close', (status) => {
      if (status === 0) return resolve(Buffer.concat(output).toString())
      if (status !== 130) console.error(`${program} ${args.join(' ')} failed:\n${Buffer.concat(log)}`)
      process.exit(status ?? 1)
    })
  })
}

await demo()
