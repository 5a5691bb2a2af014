import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedBackends } from 'hfquant'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withFamilies } from './readme-tables.mjs'
import { typeErrors } from './type-errors.mjs'

/**
 * Every TypeScript block of README.md and of the guides is type-checked as it stands, and run. A block that names a file
 * is a passage of it: of an example, or of what create-hfquant-backend writes. Both have tests of their own. Tables name what
 * there is.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
// Below the root, so that its dependencies are found; the working folder is elsewhere.
const sources = join(root, 'node_modules', '.cache', 'hfquant-snippets')
const workingFolder = mkdtempSync(join(tmpdir(), 'hfquant-readme-'))
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const readDocument = (path: string) => readFileSync(join(root, path), 'utf8')
const readme = readDocument('README.md')
const documents = [readme, ...guides.map((name) => readDocument(join('docs', name)))]
const snippets = documents.flatMap((text) => [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!))
const passages = documents.flatMap((text) =>
  [...text.matchAll(/```ts (\S+)\n(.*?)```/gs)].map(([, file, code]) => ({ file: file!, code: code! })),
)

let problems: readonly string[] = []

beforeAll(() => {
  rmSync(sources, { recursive: true, force: true })
  mkdirSync(sources, { recursive: true })
  const files = snippets.map((_, index) => `snippet-${index}.mts`)
  for (const [index, code] of snippets.entries()) writeFileSync(join(sources, files[index]!), code)
  const compilerOptions = { noEmit: false, declaration: false }
  problems = typeErrors(sources, { extends: join(root, 'tsconfig.base.json'), compilerOptions, files })
  const fromPython = join(root, 'goldens', 'gptq', 'tiny-llama-gptq-w4-g64-sym')
  cpSync(fromPython, join(workingFolder, 'model-from-python'), { recursive: true })
  cpSync(join(root, 'goldens', 'gliner', 'bert'), join(workingFolder, 'gliner'), { recursive: true })
  for (const [name, folder] of Object.entries({ encoder: 'bert', classifier: 'bert-sequence' })) {
    cpSync(join(root, 'goldens', 'architectures', folder), join(workingFolder, name), { recursive: true })
    cpSync(join(root, 'goldens', 'tokenizer', 'words'), join(workingFolder, name), { recursive: true })
  }
})
afterAll(() => rmSync(workingFolder, { recursive: true, force: true }))

test('there are snippets and passages', () => {
  expect(snippets.length).toBeGreaterThanOrEqual(4)
  expect(passages.length).toBeGreaterThanOrEqual(5)
})

test.each(passages)('a passage of $file stands in it', ({ file, code }) => {
  const template = join(root, 'packages', 'create-hfquant-backend', 'template')
  const path = file.startsWith('examples/') ? join(root, file) : join(template, file)
  expect(readFileSync(path, 'utf8')).toContain(code)
})

test('the README is short, and so is each of its samples', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(171)
  const samples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!.trimEnd().split('\n'))
  expect(Math.max(...samples.map(({ length }) => length))).toBeLessThanOrEqual(10)
})

test('the README leads to every guide', () => {
  expect(guides.filter((name) => !readme.includes(`(docs/${name})`))).toEqual([])
})

describe('what a guide names in code', () => {
  const packages = readdirSync(join(root, 'packages'))
  const named = guides.flatMap((guide) =>
    [...readDocument(join('docs', guide)).matchAll(/`((?:[\w.-]+\/)*[\w.-]+)`/g)].map(([, path]) => path!),
  )
  const isOfPackage = (path: string) => path.includes('/') && packages.includes(path.split('/')[0]!)
  const sources = [...new Set(named.filter((path) => /\.[cm]?ts$/.test(path) || isOfPackage(path)))]
  /** A path begins at the root, with the name of a package, or in what create-hfquant-backend writes. */
  const placesOf = (path: string) => [
    path,
    join('packages', path.replace('/', '/src/')),
    join('packages', 'create-hfquant-backend', 'template', path),
  ]

  test('is there: there are such names', () => {
    expect(sources.length).toBeGreaterThanOrEqual(10)
  })

  test.each(sources)('is there: %s', (path) => {
    expect(placesOf(path).filter((place) => existsSync(join(root, place)))).not.toEqual([])
  })
})

test('the README names every family that is registered', () => {
  expect(readme, 'run node tools/readme-tables.mjs').toBe(withFamilies(readme))
  expect(readme).toContain('`llama`')
})

describe('tables of recipes', () => {
  const choose = readDocument('docs/choose-a-backend.md')
  const table = readme.slice(readme.indexOf('<!-- recipes -->'), readme.indexOf('<!-- /recipes -->'))
  /** A row of the README may stand for several recipes; its cells then list a value for each. */
  const rows = table.split('\n').flatMap((line) => {
    const [, names = '', from = '', , divergence = '', bits = ''] = line.split('|').map((cell) => cell.trim())
    const values = (cell: string) =>
      cell.split(', ').map((value) => value.replaceAll('`', '').replace('e-5', ''))
    return values(names)
      .map((name, index) => ({
        name,
        package: values(from)[0],
        divergence: values(divergence)[index],
        bits: values(bits)[index],
      }))
      .filter(({ name }) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name !== 'recipe')
  })

  test('name every recipe beside its package, and no other', async () => {
    const backends = await installedBackends()
    const expected = backends.flatMap(({ packageName, recipes }) =>
      recipes.map((name) => ({ name, package: packageName })),
    )
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
    expect(rows.map(({ name, package: from }) => ({ name, package: from })).sort(byName)).toEqual(
      expected.sort(byName),
    )
  })

  test('have the same figures in the README and in the guide', () => {
    const cellsOf = (name: string) =>
      choose
        .split('\n')
        .find((line) => line.startsWith(`| \`${name}\` `))
        ?.split('|')
        .map((cell) => cell.trim())
    const inGuide = rows.map(({ name }) => ({
      name,
      bits: cellsOf(name)?.[3],
      divergence: cellsOf(name)?.[5],
    }))
    expect(rows.map(({ name, bits, divergence }) => ({ name, bits, divergence }))).toEqual(inGuide)
  })
})

test('they type-check', () => expect(problems).toEqual([]))

describe('they run', () => {
  test.each(snippets.map((code, index) => [code.split('\n')[0]!, index] as const))('%s', (_first, index) => {
    const program = join(sources, `snippet-${index}.mjs`)
    const run = () => execFileSync(process.execPath, [program], { cwd: workingFolder, stdio: 'pipe' })
    expect(run).not.toThrow()
  })
})
