import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoModelForCausalLM } from 'hfquant'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-persimmon-'))
// A package that holds the model is never imported because the model names it: models lie elsewhere.
const model = join(folder, 'tiny-persimmon')
cpSync(fileURLToPath(new URL('../goldens/tiny-persimmon', import.meta.url)), model, { recursive: true })
process.env.HFQUANT_CACHE = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a folder is loaded by its path alone: nothing here imports the family', async () => {
  await using loaded = await AutoModelForCausalLM.fromPretrained(model)
  const { shape } = await loaded.forward({ inputIds: [[3, 1, 4]] })
  expect(shape).toEqual([1, 3, 96])
})
