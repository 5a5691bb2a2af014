import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../testing/checkpoint.fixture.js'
import { golden } from '../testing/run-cli.fixture.js'
import { runProgram } from '../testing/run-program.fixture.js'

const root = temporaryFolder()
const source = golden('awq/tiny-llama-awq-g32')

it('says what a dry run would write, converts, and says what was converted and what to do next', async () => {
  const out = join(root, 'ct')
  const args = ['convert', source, out, '--to', 'compressed-tensors']
  const planned = await runProgram(...args, '--dry-run')
  expect(planned).toContain('14 weights from awq to compressed-tensors')
  expect(planned).toContain('"quant_method":"compressed-tensors"')
  expect(existsSync(out)).toBe(false)

  expect(await runProgram(...args)).toMatch(
    /: 14 weights .*\n {2}peak memory .*\n {2}next: hfquant generate /,
  )
  expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({
    quantization_config: { quant_method: 'compressed-tensors' },
  })

  const json = JSON.parse(await runProgram('convert', out, join(root, 'gptq'), '--to', 'gptq', '--json'))
  expect(json).toMatchObject({
    ...{ from: 'compressed-tensors', method: 'gptq', output: join(root, 'gptq'), dryRun: false },
    config: { quant_method: 'gptq', bits: 4, group_size: 32 },
  })
  expect(json.quantized).toHaveLength(14)
})

it('takes the methods that there are, and never the folder of the model', async () => {
  const request = runProgram('convert', source, join(root, 'never'), '--to', 'torchao')
  await expect(request).rejects.toThrow(/Allowed choices are compressed-tensors, gptq/)
  await expect(runProgram('convert', source, source, '--to', 'gptq')).rejects.toMatchObject({
    code: 'OUTPUT_IS_INPUT',
  })
})
