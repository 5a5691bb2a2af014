import { CapabilityError } from '../errors/families.js'
import { findBackend, type MethodSource, type QuantizerBackend } from './registry.js'

/**
 * What converts models to a method.
 *
 * @throws CapabilityError CONVERSION_TARGET for a method that stores no weights of others; what `findBackend` throws.
 */
export async function findConversion(
  method: string,
  source: MethodSource,
): Promise<NonNullable<QuantizerBackend['convert']>> {
  const backend = await findBackend(method, source)
  if (backend.convert !== undefined) return (from) => backend.convert!(from)
  throw new CapabilityError('CONVERSION_TARGET', `no model can be converted to "${method}"`, {
    ...{ field: 'to', found: method },
    hint: `Choose a method of integers in groups, as \`hfquant convert --help\` lists them, or quantize the float model with "${method}".`,
  })
}
