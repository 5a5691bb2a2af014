import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BACKEND_LIST, backendList, backendPackages } from './list-backends.mjs'

test('the list of shipped backends is what the packages say', () => {
  expect(backendPackages()).toContain('@hfquant/gptq')
  // Otherwise: node tools/list-backends.mjs
  expect(readFileSync(BACKEND_LIST, 'utf8')).toBe(backendList())
})
