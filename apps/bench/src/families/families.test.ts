import { readFile } from 'node:fs/promises'
import { knownArchitectures } from '@hfquant/models'
import { expect, test } from 'vitest'
import { repositoryPath } from '../repository.js'
import { type Finding, familiesIn, formatTable, replaceTable } from './table.js'

test('docs/families.md has a row for every family, and for no other', async () => {
  const document = await readFile(repositoryPath('docs/families.md'), 'utf8')
  expect(familiesIn(document)).toEqual(knownArchitectures().map(({ names }) => names[0]))
})

test('a cell says what was found; equal reasons share a note', () => {
  const works: Finding = { works: true }
  const unknown: Finding = { works: false, reason: 'the library does not know the family' }
  const table = formatTable(
    ['runs', 'GGUF'],
    [
      {
        family: 'A',
        findings: new Map<string, Finding>([
          ['runs', works],
          ['GGUF', unknown],
        ]),
      },
      { family: 'B', findings: new Map([['GGUF', unknown]]) },
    ],
  )
  expect(table.split('\n')).toEqual([
    '| family | runs | GGUF |',
    '| --- | :-: | :-: |',
    '| `A` | ✓ | – (1) |',
    '| `B` | not run | – (1) |',
    '',
    '1. the library does not know the family',
  ])
  const document = 'before\n<!-- families -->\nold\n<!-- /families -->\nbehind'
  const replaced = replaceTable(document, table)
  expect(replaced).toBe(`before\n<!-- families -->\n${table}\n<!-- /families -->\nbehind`)
  expect(familiesIn(replaced)).toEqual(['A', 'B'])
  expect(() => replaceTable('no marks', table)).toThrow('has no')
})
