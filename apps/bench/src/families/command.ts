import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { knownArchitectures } from '@hfquant/models'
import { someOf } from '../measure/arguments.js'
import { repositoryPath } from '../repository.js'
import { COLUMNS, familiesNamed, nameOf } from './columns.js'
import { formatTable, mergedRows, replaceTable, rowsIn } from './table.js'

export const FAMILIES_USAGE = `  pnpm bench families [--only NAME,…] [--columns NAME,…] [--write]
                                                      what works with each family of models, every cell from a run;
                                                      --write puts it into docs/families.md, where cells of families
                                                      and columns that were left out stay as they are

  --columns  ${COLUMNS.join(', ')}`

const OPTIONS = {
  only: { type: 'string' },
  columns: { type: 'string', default: COLUMNS.join(',') },
  write: { type: 'boolean', default: false },
} as const

/** Tries every family, or some, and prints a table; cells of columns that were left out say so. */
export async function families(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const columns = someOf('columns', values.columns, COLUMNS)
  const architectures = familiesNamed(knownArchitectures(), values.only?.split(','))
  // It brings the test runner along, which a process that wants the usage alone has no use for.
  const { runFamilies } = await import('./run-families.js')
  const work = await mkdtemp(join(tmpdir(), 'hfquant-families-'))
  try {
    const rows = await runFamilies({ architectures, columns, work, report: (line) => console.error(line) })
    console.log(formatTable(COLUMNS, rows))
    if (!values.write) return
    const path = repositoryPath('docs/families.md')
    const document = await readFile(path, 'utf8')
    const all = mergedRows(knownArchitectures().map(nameOf), rowsIn(document), rows)
    await writeFile(path, replaceTable(document, formatTable(COLUMNS, all)))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
