import { EnvironmentError, importPlugIn } from '@hfquant/core/runtime'
import type { Architecture, ImportArchitecture } from '@hfquant/models'

/**
 * Imports the package that defines a family, from the places that backends come from, too.
 *
 * @param modelFolder the model whose config.json names the family.
 * @throws EnvironmentError ARCHITECTURE_BROKEN for a package that is installed and cannot be imported;
 * ARCHITECTURE_INVALID for one without an architecture of this type.
 */
export const importArchitecture =
  (modelFolder: string): ImportArchitecture =>
  async (packageName, modelType) => {
    const field = 'model_type'
    const found = await importPlugIn(packageName, {
      ...{ modelFolder, field, found: modelType },
      brokenCode: 'ARCHITECTURE_BROKEN',
    })
    if (found.exports === undefined) return { refused: found.refused }
    const { architecture } = found.exports
    if (isArchitecture(architecture) && architecture.modelTypes.includes(modelType)) return { architecture }
    throw new EnvironmentError(
      'ARCHITECTURE_INVALID',
      `${packageName} exports no \`architecture\` for model_type "${modelType}"`,
      {
        field,
        found: modelType,
        hint: 'The package must export `architecture`, made by defineArchitecture.',
      },
    )
  }

const isArchitecture = (value: unknown): value is Architecture =>
  typeof value === 'object' && value !== null && Array.isArray((value as Architecture).modelTypes)
