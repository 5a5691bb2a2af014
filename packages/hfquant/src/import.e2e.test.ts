import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

test('Importing hfquant loads no native code: bindings belong to the workers that compute', () => {
  const script = `
    const loaded = []
    const { dlopen } = process
    process.dlopen = (module, file, ...more) => {
      loaded.push(file)
      return dlopen(module, file, ...more)
    }
    await import(${JSON.stringify(import.meta.resolve('hfquant'))})
    console.log(JSON.stringify(loaded))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script])
  expect(JSON.parse(printed.toString())).toEqual([])
})
