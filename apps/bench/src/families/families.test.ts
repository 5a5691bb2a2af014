import { readFile } from 'node:fs/promises'
import { knownArchitectures } from '@hfquant/models'
import { expect, test } from 'vitest'
import { repositoryPath } from '../repository.js'
import { COLUMNS, familiesNamed } from './columns.js'
import { runFamilies } from './run-families.js'
import { type Finding, formatTable, mergedRows, replaceTable, rowsIn } from './table.js'

const works: Finding = { works: true }
const unknown: Finding = { works: false, reason: 'the library does not know the family' }
const row = (family: string, findings: Record<string, Finding>) => ({
  family,
  findings: new Map(Object.entries(findings)),
})

test('docs/families.md has a row for every family, and for no other', async () => {
  const document = await readFile(repositoryPath('docs/families.md'), 'utf8')
  const rows = rowsIn(document)
  expect(rows.map(({ family }) => family)).toEqual(knownArchitectures().map(({ names }) => names[0]))
  // The formatter has been over it, and finds nothing to change in what is written.
  expect(replaceTable(document, formatTable(COLUMNS, rows))).toBe(document)
})

test('a cell says what was found; equal reasons share a note', () => {
  const rows = [row('A', { runs: works, GGUF: unknown }), row('B', { GGUF: unknown })]
  const table = formatTable(['runs', 'GGUF'], rows)
  expect(table.split('\n')).toEqual([
    '| family |  runs   | GGUF  |',
    '| ------ | :-----: | :---: |',
    '| `A`    |    ✓    | – (1) |',
    '| `B`    | not run | – (1) |',
    '',
    '1. the library does not know the family',
  ])
  const document = 'before\n<!-- families -->\nold\n<!-- /families -->\nbehind'
  const replaced = replaceTable(document, table)
  expect(replaced).toBe(`before\n<!-- families -->\n${table}\n<!-- /families -->\nbehind`)
  expect(rowsIn(replaced)).toEqual(rows)
  expect(() => replaceTable('no marks', table)).toThrow('has no')
})

test('what a run leaves out stays as it was; families that are gone go', () => {
  const before = [row('A', { runs: works, GGUF: unknown }), row('B', { runs: unknown }), row('C', {})]
  const now = [row('A', { GGUF: works }), row('D', { GGUF: works })]
  expect(mergedRows(['A', 'B', 'D', 'E'], before, now)).toEqual([
    row('A', { runs: works, GGUF: works }),
    row('B', { runs: unknown }),
    row('D', { GGUF: works }),
    row('E', {}),
  ])
})

test('a name that no family has is refused with the known ones', () => {
  const known = knownArchitectures()
  expect(familiesNamed(known, ['LlamaForCausalLM']).map(({ names }) => names[0])).toEqual([
    'LlamaForCausalLM',
  ])
  expect(familiesNamed(known, undefined)).toBe(known)
  expect(() => familiesNamed(known, ['Typo'])).toThrow(/"Typo", expected some of Albert/)
})

test('a family that cannot be tried has the reason in its cells, and the others go on', async () => {
  const [llama] = familiesNamed(knownArchitectures(), ['LlamaForCausalLM'])
  const stranger = { ...llama!, names: ['StrangerForCausalLM'], modelTypes: ['stranger'] }
  const columns = ['runs', 'GGUF']
  const [found] = await runFamilies({ architectures: [stranger], columns, work: '', report: () => {} })
  expect(found?.family).toBe('StrangerForCausalLM')
  expect([...found!.findings.keys()]).toEqual(columns)
  for (const finding of found!.findings.values()) {
    expect(finding).toEqual({ works: false, reason: expect.stringContaining('no golden') })
  }
})

test('what is imported for the usage text brings no test runner along', async () => {
  const imported = new Set<string>()
  const follow = async (file: URL): Promise<void> => {
    const source = await readFile(file, 'utf8')
    for (const [, name] of source.matchAll(/^(?:import|export)(?! type)[^;]*? from '([^']+)'/gm)) {
      const found = name!.startsWith('.') ? new URL(name!.replace(/\.js$/, '.ts'), file) : undefined
      const id = found?.href ?? name!
      if (imported.has(id)) continue
      imported.add(id)
      if (found !== undefined) await follow(found)
    }
  }
  await follow(new URL('command.ts', import.meta.url))
  expect([...imported]).toContain(new URL('columns.ts', import.meta.url).href)
  expect([...imported]).not.toContain('@hfquant/testkit')
})
