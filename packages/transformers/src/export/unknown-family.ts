import { CapabilityError } from '@hfquant/core'
import { type Architecture, knownArchitectures } from '@hfquant/models'

/** The refusal of a family that a format has no place for, with those that it has one for. */
export function unknownFamily(
  name: string,
  format: 'GGUF' | 'ONNX',
  isOffered: (architecture: Architecture) => boolean,
): CapabilityError {
  const names = knownArchitectures()
    .filter(isOffered)
    .map(({ names: [first] }) => first)
  const problem = `${name} cannot be exported to ${format}, only ${names.join(', ')}`
  return new CapabilityError('EXPORT_ARCHITECTURE', problem, {
    field: 'architectures',
    found: name,
    expected: names,
    hint: 'Save it as a folder of safetensors instead: hfquant runs it from there.',
  })
}
