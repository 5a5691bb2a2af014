import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import typescript from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/**
 * Every TypeScript block of README.md and of the guides is type-checked as it stands, and run. A block that names a file
 * is a passage of it: of an example, or of what create-hfquant-backend writes. Both have tests of their own.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
// Below the root, so that its dependencies are found; the working folder is elsewhere.
const sources = join(root, 'node_modules', '.cache', 'hfquant-snippets')
const workingFolder = mkdtempSync(join(tmpdir(), 'hfquant-readme-'))
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const documents = ['README.md', ...guides.map((name) => join('docs', name))].map((path) =>
  readFileSync(join(root, path), 'utf8'),
)
const snippets = documents.flatMap((text) => [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!))
const passages = documents.flatMap((text) =>
  [...text.matchAll(/```ts (\S+)\n(.*?)```/gs)].map(([, file, code]) => ({ file: file!, code: code! })),
)

beforeAll(() => {
  rmSync(sources, { recursive: true, force: true })
  mkdirSync(sources, { recursive: true })
  for (const [index, code] of snippets.entries()) writeFileSync(join(sources, `snippet-${index}.mts`), code)
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

test('they type-check', () => {
  const { compilerOptions } = typescript.readConfigFile(
    join(root, 'tsconfig.base.json'),
    typescript.sys.readFile,
  ).config
  const { options } = typescript.convertCompilerOptionsFromJson(compilerOptions, root)
  const files = readdirSync(sources).map((name) => join(sources, name))
  const program = typescript.createProgram(files, options)
  const problems = typescript.getPreEmitDiagnostics(program)
  const describeProblem = ({ file, messageText }: typescript.Diagnostic) =>
    `${file?.fileName}: ${typescript.flattenDiagnosticMessageText(messageText, '\n')}`
  expect(problems.map(describeProblem)).toEqual([])
})

describe('they run', () => {
  test.each(snippets.map((code, index) => [code.split('\n')[0]!, index, code]))(
    '%s',
    (_first, index, code) => {
      const { outputText } = typescript.transpileModule(code, {
        compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
      })
      const program = join(sources, `snippet-${index}.mjs`)
      writeFileSync(program, outputText)
      const run = () => execFileSync(process.execPath, [program], { cwd: workingFolder, stdio: 'pipe' })
      expect(run).not.toThrow()
    },
  )
})
