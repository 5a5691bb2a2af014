import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnvironmentError } from '@hfquant/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { importArchitecture } from './import-architecture.js'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'hfquant-architecture-')))
const application = join(root, 'application')
beforeAll(() => {
  mkdirSync(application)
  vi.spyOn(process, 'cwd').mockReturnValue(application)
})
afterAll(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true })
})

/** Installs a package into the application, and imports it for a model that lies elsewhere. */
function importFrom(modelType: string, source: string) {
  const name = `hfquant-model-${modelType}`
  const folder = join(application, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }))
  writeFileSync(join(folder, 'index.js'), source)
  writeFileSync(join(application, 'package.json'), JSON.stringify({ dependencies: { [name]: '*' } }))
  return importArchitecture(join(root, 'model'))(name, modelType)
}

describe('the package of a family', () => {
  test('gives the architecture that it exports', async () => {
    expect(await importFrom('whole', `export const architecture = { modelTypes: ['whole'] }`)).toEqual({
      architecture: { modelTypes: ['whole'] },
    })
  })

  test.each([
    ['without an architecture', 'bare', 'export const quantizer = {}'],
    ['whose architecture is a function', 'made', 'export const architecture = () => {}'],
    ['for another family', 'other', `export const architecture = { modelTypes: ['llama'] }`],
  ])('%s is invalid', async (_, modelType, source) => {
    const error = await importFrom(modelType, source).catch((thrown: unknown) => thrown)
    expect(EnvironmentError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'ARCHITECTURE_INVALID',
      message: `hfquant-model-${modelType} exports no \`architecture\` for model_type "${modelType}"`,
      field: 'model_type',
      hint: expect.stringContaining('defineArchitecture'),
    })
  })

  test.each([
    ['fails', 'thrown', `throw new Error('out of order')`],
    ['needs what is not there', 'needy', `import 'hfquant-nowhere'`],
  ])('that %s is broken', async (_, modelType, source) => {
    const error = await importFrom(modelType, source).catch((thrown: unknown) => thrown)
    expect(EnvironmentError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ARCHITECTURE_BROKEN', field: 'model_type', found: modelType })
  })
})
